#!/usr/bin/perl
# What the original makes of setting XML, as JSON on standard output:
#   dump.pl HOME DIRECTORY
# HOME: an installation, whose own SysConfig, XML and ValueType modules compute everything.
# DIRECTORY: the *.xml files to read.
#   {"files": [{"name", "init", "settings": [{"name", "value", "valid", "required", "read_only"}, …]}, …],
#    "assembled": what the deployed configuration file made of all of them puts into an empty object}
# Needs no database and changes nothing in the home.
use strict;
use warnings;
use utf8;

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use JSON::PP;

my ( $Home, $Directory ) = @ARGV;
die "usage: $0 HOME DIRECTORY\n" if !$Directory;
unshift @INC, $Home, "$Home/Kernel/cpan-lib", "$Home/Custom";

require Kernel::System::ObjectManager;
local $Kernel::OM = Kernel::System::ObjectManager->new( 'Kernel::System::Log' => { LogPrefix => 'dump' } );

# Caches and logs of the modules go to a directory of our own.
my $Temporary = tempdir( CLEANUP => 1 );
my $Config    = $Kernel::OM->Get('Kernel::Config');
$Config->Set( Key => 'TempDir',            Value => $Temporary );
$Config->Set( Key => 'LogModule',          Value => 'Kernel::System::Log::File' );
$Config->Set( Key => 'LogModule::LogFile', Value => "$Temporary/log" );

my $SysConfig = $Kernel::OM->Get('Kernel::System::SysConfig');
my $XML       = $Kernel::OM->Get('Kernel::System::SysConfig::XML');

my @Files = map { FileRead($_) } sort glob "$Directory/*.xml";
print JSON::PP->new->ascii->canonical->allow_nonref->encode( { files => \@Files, assembled => Assembled(@Files) } );

sub FileRead {
    my ($File) = @_;
    my $Text = $Kernel::OM->Get('Kernel::System::Main')->FileRead( Location => $File, Mode => 'utf8' );
    $$Text =~ s{<!--.*?-->}{}gs;
    my ($Init) = $$Text =~ m{<\w+_config[^>]*\binit="(\w+)"};
    my @Settings = $XML->SettingListParse( XMLInput => $$Text, XMLFilename => basename($File) );
    return { name => basename($File), init => $Init, settings => [ map { Setting( $_->{XMLContentParsed} ) } @Settings ] };
}

sub Setting {
    my ($Parsed) = @_;
    my $Flag = sub { $Parsed->{ $_[0] } ? JSON::PP::true : JSON::PP::false };
    my $Value = $SysConfig->SettingEffectiveValueGet( Value => $Parsed->{Value} );
    return {
        name      => $Parsed->{Name},
        value     => $Value,
        valid     => $Flag->('Valid'),
        required  => $Flag->('Required'),
        read_only => $Flag->('ReadOnly'),
    };
}

# As a deployment does it: by init, then file; the last of one name counts; written in the order of names.
sub Assembled {
    my (@Read) = @_;
    my %ByName;
    for my $Init (qw(Framework Application Config Changes)) {
        $ByName{ $_->{name} } = $_ for map { @{ $_->{settings} } } grep { $_->{init} eq $Init } @Read;
    }
    my @Settings = map { { Name => $_->{name}, IsValid => $_->{valid} ? 1 : 0, EffectiveValue => $_->{value} } }
        @ByName{ sort keys %ByName };
    my $Code = $SysConfig->_EffectiveValues2PerlFile(
        Settings   => \@Settings,
        TargetPath => 'Kernel/Config/Files/Assembled.pm',
    );
    open my $File, '>:utf8', "$Temporary/Assembled.pm" or die $!;
    print {$File} $Code;
    close $File or die $!;
    require "$Temporary/Assembled.pm";
    my $Assembled = {};
    Kernel::Config::Files::Assembled->Load($Assembled);
    delete $Assembled->{CurrentDeploymentID};
    return $Assembled;
}
