# line 2 "check.pl"
# Reports, as JSON, which packages cannot be loaded, how the installation sends its mail, and whether its time zone is
# known. It connects to nothing and changes nothing.
#
#   check.pl PROGRAM [WHAT PACKAGE]…
#
# PROGRAM is the path of the original's program, for code that looks up its own location. WHAT needs PACKAGE.

use strict;
use warnings;

# Output of the installation's own code must not get into the answer.
my $answer;

BEGIN {
    $0 = shift @ARGV;
    open $answer, '>&', \*STDOUT or die "cannot keep the output: $!\n";
    open STDOUT, '>&', \*STDERR or die "cannot turn the output away: $!\n";
}

use JSON::PP ();
use Kernel::Config ();

my $config = Kernel::Config->new();
my @needed = @ARGV;
if ( ( $config->Get('DatabaseDSN') // '' ) =~ m{\Adbi:(\w+)}ixms ) {
    push @needed, 'the connection to the database', "DBD::$1";
}
my $mailer = $config->Get('SendmailModule') // '';
push @needed, 'setting SendmailModule', $mailer if $mailer;

# Some packages ask for it while they are loaded.
eval {
    require Kernel::System::ObjectManager;
    $Kernel::OM = Kernel::System::ObjectManager->new();    ## no critic
};

my @missing;
while ( my ( $what, $package ) = splice @needed, 0, 2 ) {
    my $why = refusal($package) // next;
    push @missing, { what => $what, package => $package, why => $why };
}

my ($program) = split q{ }, $config->Get('SendmailModule::CMD') // '';
my $zone = $config->Get('OTRSTimeZone') // $config->Get('OTOBOTimeZone') // 'UTC';
my %answer = (
    missing => \@missing,
    mail    => {
        module     => $mailer,
        program    => $program // '',
        is_program => -x ( $program // '' ) ? JSON::PP::true() : JSON::PP::false(),
    },
    zone => {
        name     => $zone,
        is_known => is_known($zone) ? JSON::PP::true() : JSON::PP::false(),
    },
);
binmode $answer;
print {$answer} JSON::PP->new()->utf8()->encode( \%answer ) or die "cannot answer: $!\n";
close $answer or die "cannot answer: $!\n";

# The first line of Perl's error message.
sub refusal {
    my ($package) = @_;
    my $file = "$package.pm";
    $file =~ s{::}{/}gxms;
    return if eval { require $file };
    my ($line) = split m{\n}xms, $@;
    return $line // 'it does not say why';
}

sub is_known {
    my ($name) = @_;
    return eval {
        require DateTime::TimeZone;
        DateTime::TimeZone->new( name => $name );
    };
}
