# line 2 "ModuleHost.pl"
# Runs one incarnation of an unmodified daemon module of the installation: rounds of PreRun, Run and PostRun until
# one of them returns false, or a stop is requested. With --summary it prints the module's Summary.
#
#   ModuleHost.pl PROGRAM NAME PACKAGE PRODUCT [--debug | --summary]
#
# PROGRAM is the original's program; as $0 it tells modules where they are installed.

use strict;
use warnings;

my $answer;

BEGIN {
    $0 = $ARGV[0];
    if ( ( $ARGV[4] // '' ) eq '--summary' ) {
        open $answer, '>&', \*STDOUT or die "cannot keep the output: $!\n";
        open STDOUT, '>&', \*STDERR or die "cannot turn the output away: $!\n";
    }
    else {
        # The logs are read while they are written.
        STDOUT->autoflush(1);
    }
}

use Errno ();
use IO::Handle ();
use JSON::PP ();
use POSIX qw(WNOHANG);
use Socket qw(PF_UNIX SOCK_DGRAM pack_sockaddr_un);

use Kernel::System::ObjectManager ();

my ( undef, $name, $package, $product, $option ) = @ARGV;
$option //= '';

# Otherwise ps would show this text.
$0 = "otrsd perl module $name";

# Discarded objects are loaded again with their packages. As the original's program does, keep Perl's warnings about
# that out of the logs, and out of the output of a cron task, which would otherwise count as failed.
local $SIG{__WARN__} = sub {
    my ($message) = @_;
    warn $message if $message !~ m/\ASubroutine \s \S+ \s redefined \s at \s/xms;
};

my $goes_on = 1;
local $SIG{INT}  = sub { $goes_on = 0 };
local $SIG{TERM} = sub { $goes_on = 0 };

# As under the original: the processes that a module starts are not waited for.
local $SIG{CHLD} = 'IGNORE';

local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => "$product - Daemon $package" },
    $package              => { Debug     => $option eq '--debug' },
);

# Other processes change what is cached.
$Kernel::OM->Get('Kernel::System::Cache')->Configure( CacheInMemory => 0, CacheInBackend => 1 );

my $module = $Kernel::OM->Get($package) or die "$package has no object\n";

if ( $option eq '--summary' ) {
    my @tables = $module->can('Summary') ? $module->Summary() : ();

    # The documentation's example returns a reference where the stock modules return lists.
    @tables = @{ $tables[0] } if @tables == 1 && ref $tables[0] eq 'ARRAY';
    binmode $answer;
    print {$answer} JSON::PP->new()->utf8()->encode( [ map { table($_) } @tables ] )
        or die "cannot answer: $!\n";
    close $answer or die "cannot answer: $!\n";
    exit 0;
}

while ($goes_on) {
    last if !$module->PreRun() || !$module->Run() || !$module->PostRun();
    notify('WATCHDOG=1') if $ENV{WATCHDOG_USEC};
}

# Processes that the module started end by themselves, after any time; the next incarnation need not wait for them.
if ( waitpid( -1, WNOHANG ) == 0 ) {
    notify('X_HANDOVER=1');

    # A signal interrupts waitpid, and changes nothing.
    do { waitpid -1, 0 } while $!{EINTR};
}
exit 0;

# A table in the supervisor's format: every cell is a text, whatever its Perl type.
sub table {
    my ($table) = @_;
    my @columns = map {
        {   Name        => text( $_->{Name} ),
            DisplayName => text( $_->{DisplayName} ),
            Size        => int( $_->{Size} || 0 ),
        }
    } @{ $table->{Column} || [] };
    my @rows;
    for my $row ( @{ $table->{Data} || [] } ) {
        push @rows, { map { $_ => text( $row->{$_} ) } keys %{$row} };
    }
    return {
        Header        => text( $table->{Header} ),
        Column        => \@columns,
        Data          => \@rows,
        NoDataMessage => text( $table->{NoDataMessage} ),
    };
}

sub text {
    my ($value) = @_;
    return defined $value ? "$value" : '';
}

# Sends a message to the supervisor, by systemd's notification protocol.
sub notify {
    my ($word) = @_;
    my $address = $ENV{NOTIFY_SOCKET} or return;
    $address =~ s/\A@/\0/;
    socket my $socket, PF_UNIX, SOCK_DGRAM, 0 or return;
    send $socket, $word, 0, pack_sockaddr_un($address);
    return;
}
