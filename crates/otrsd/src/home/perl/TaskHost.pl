# line 2 "TaskHost.pl"
# Runs tasks with the installation's own, unmodified handlers. The framework is loaded once. Each requested child is a
# copy of this process; it takes one task, or several of one type, and ends.
#
#   TaskHost.pl PROGRAM PRODUCT SOCKET PRCTL CLONE
#
# PROGRAM is the path of the original's program, for code that looks up its own location. Each byte on the standard
# input requests one child; end of file ends the host. A child connects twice to the abstract SOCKET, and identifies
# each connection by one byte: C receives tasks and returns results, each a hash frozen by Storable and preceded by its
# length; O receives the printed output. PRCTL and CLONE are the numbers of two system calls that Perl has no names for.

use strict;
use warnings;

BEGIN {
    $0 = $ARGV[0];

    # For the memory of this process only, not of the processes that a task starts.
    delete $ENV{GLIBC_TUNABLES};
}

use POSIX ();

# Compiled first, so it runs last: tearing down everything that a copy shares with its host would take longer than most
# tasks. Executing a program that does not exist fails, but Perl flushes all pending output before it.
my $is_copy;

END {
    if ($is_copy) {
        my $code = $?;
        no warnings qw(exec);    ## no critic
        exec {q{}} q{};
        POSIX::_exit($code);
    }
}

use IO::Handle ();
use MIME::Base64 qw(decode_base64);
use Socket qw(PF_UNIX SOCK_STREAM pack_sockaddr_un);
use Storable ();
use Time::HiRes qw(time);

use Kernel::System::ObjectManager ();

use constant {
    CLONE_PARENT    => 0x8000,
    PR_SET_PDEATHSIG => 1,
    SIGCHLD         => 17,
    SIGKILL         => 9,
    WORKER          => 'Kernel::System::Daemon::DaemonModules::SchedulerTaskWorker',
};

my ( undef, $product, $socket, $prctl, $clone ) = @ARGV;
my $worker = getppid;

# ps shows this title instead of the source text.
$0 = 'otrsd perl host';

# The objects kept from one task to the next: they know nothing of tasks.
my @KEPT = map {"Kernel::System::$_"} qw(DB Encode Log Main);
unshift @KEPT, 'Kernel::Config';

# Not local: that would destroy it at the exit of each copy.
$Kernel::OM = Kernel::System::ObjectManager->new(    ## no critic
    'Kernel::System::Log' => { LogPrefix => "$product - Daemon " . WORKER },
);
my %stamps;
load();

# The engine writes this in the transaction that ends a task; without the override it would be written twice.
my $has_told;
{
    no warnings qw(once redefine);    ## no critic
    *Kernel::System::Daemon::SchedulerDB::RecurrentTaskWorkerInfoSet = sub { return $has_told = 1 };
}

# The engine sends this mail instead of the handler, together with failures that no handler knows of.
my $has_complained;
{
    no warnings qw(redefine);    ## no critic
    my $recipient = 'Daemon::SchedulerTaskWorker::NotificationRecipientEmail';
    my $handle    = \&Kernel::System::Daemon::DaemonModules::BaseTaskWorker::_HandleError;
    *Kernel::System::Daemon::DaemonModules::BaseTaskWorker::_HandleError = sub {
        my $config = $Kernel::OM->Get('Kernel::Config');
        local $config->{$recipient} = q{};
        $has_complained = 1;
        return $handle->(@_);
    };
}

# If memory is short, the kernel is to kill a copy, or this process, rather than others: no task is lost by that.
if ( open my $file, '>', '/proc/self/oom_score_adj' ) {
    print {$file} '1000';
    close $file;
}

my $checked = time;
while ( sysread STDIN, my $order, 1 ) {

    # A new host reads the code again, as the original does for each task.
    last if has_changed();
    my $pid = syscall $clone + 0, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0;
    if ( $pid == 0 ) {
        $is_copy = 1;
        live();

        # Destructors run for the objects that the task created, but not for those shared with the host.
        discard( grep { $_ ne 'Kernel::System::DB' } @KEPT );
        exit 0;
    }
    die "cannot make a child: $!\n" if $pid < 0;
}
exit 0;

# Loads what every task needs, and records the state of each file.
sub load {
    require Kernel::System::Daemon::SchedulerDB;
    require Kernel::System::Daemon::DaemonModules::BaseTaskWorker;
    $Kernel::OM->Get($_) for grep { $_ ne 'Kernel::System::DB' } @KEPT;
    # Needed to print into strings, by which handlers catch errors.
    require PerlIO::scalar;
    prepare();
    my $driver = $Kernel::OM->Get('Kernel::Config')->Get('DatabaseDSN') // '';
    if ( $driver =~ m{\Adbi:(\w+)}ixms ) {
        require DBI;
        DBI->install_driver($1);
    }
    for my $directory (@INC) {
        for my $file ( glob "'$directory/Kernel/System/Daemon/DaemonModules/SchedulerTaskWorker/*.pm'" ) {
            my ($name) = $file =~ m{(Kernel/System/Daemon/.*)\z}xms;

            # A package that does not compile fails by itself when it is requested.
            eval { require $name } or warn $@;
        }
    }
    %stamps = map { $_ => stamp($_) } grep { defined && -e } values %INC;
    $stamps{$_} //= stamp($_) for map { glob "'$_/Kernel/Config/Files/*.pm'" } @INC;
    return;
}

# As in the original, where many processes work at the same time.
sub prepare {
    $Kernel::OM->Get('Kernel::System::Cache')->Configure( CacheInMemory => 0, CacheInBackend => 1 );
    return;
}

sub stamp {
    my ($file) = @_;
    my @state = stat $file;
    return @state ? "$state[1] $state[7] $state[9]" : '';
}

# Checks at most once a second.
sub has_changed {
    my $now = time;
    return if $now - $checked < 1;
    $checked = $now;
    return scalar grep { stamp($_) ne $stamps{$_} } keys %stamps;
}

# The main loop of a child.
sub live {
    $0 = 'otrsd perl child';
    setpgrp 0, 0;

    # Die with the worker, which may have died before this call.
    syscall $prctl + 0, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0;
    POSIX::_exit(0) if getppid != $worker;
    srand;
    my ( $own, $tasks, $output ) = ( $$, connection('C'), connection('O') );
    open STDIN,  '<',  '/dev/null' or die "cannot close the input: $!\n";
    open STDOUT, '>&', $output     or die "cannot turn the output: $!\n";
    open STDERR, '>&', $output     or die "cannot turn the errors: $!\n";
    STDOUT->autoflush(1);
    STDERR->autoflush(1);
    close $output;

    my $ran = 0;
    while ( my $task = message($tasks) ) {
        my $result = has_changed() ? { outcome => 'stale' } : run( $task, $ran++ );

        # A copy that the handler forked and lost track of reaches this point.
        POSIX::_exit(0) if $$ != $own;
        print {$tasks} pack 'N/a*', Storable::nfreeze($result);
        last if $task->{last} || $result->{outcome} eq 'stale';
    }
    return;
}

sub connection {
    my ($kind) = @_;
    socket my $connection, PF_UNIX, SOCK_STREAM, 0 or die "no socket: $!\n";
    connect $connection, pack_sockaddr_un("\0$socket") or POSIX::_exit(0);
    $connection->autoflush(1);
    print {$connection} $kind;
    return $connection;
}

# The next message, if there is one.
sub message {
    my ($connection) = @_;
    my ( $length, $text ) = ( 4, '' );
    for my $is_image ( 0, 1 ) {
        while ( length $text < $length ) {
            sysread( $connection, $text, $length - length $text, length $text ) or return;
        }
        ( $length, $text ) = ( unpack( 'N', $text ), '' ) if !$is_image;
    }
    return Storable::thaw($text);
}

# Runs one task, and reports how it ended.
sub run {
    my ( $task, $ran ) = @_;
    my ( $type, $name ) = @{$task}{qw(type name)};
    my @before = times;
    my $kept   = $ran && $task->{keep_objects};
    if ( $ran && !$kept ) {
        discard(@KEPT);
        prepare();
    }
    local %ENV = ( %ENV, OTRSD_TASK_ID => $task->{id} );

    # Processes that outlive the task are also found by this title.
    $0 = "otrsd perl task $task->{id} ($type)";

    my $handler = WORKER . "::$type";
    my $data    = eval { payload( $task->{data} ) };
    return { outcome => 'failed', error => "its data cannot be read: $@" } if !defined $data;
    my $is_done;
    $has_told = $has_complained = 0;
    my $has_lived = eval {
        $Kernel::OM->ObjectParamAdd( $handler => { Debug => 0 } );
        $is_done = $Kernel::OM->Get($handler)->Run(
            TaskID   => $task->{row},
            TaskName => $name,
            Data     => $data,
        );

        # Events that the task only queued belong to it.
        $Kernel::OM->ObjectEventsHandle();
        1;
    };
    my $error = $@;

    # A job that is no longer valid, or ran less than a minute ago, is declined without a status: this is no failure.
    $is_done ||= $type eq 'GenericAgent' && !$has_told;

    # A request to be retried later has a new future task; the handler logs an error for all other failures.
    $is_done ||= $type eq 'GenericInterface' && $has_lived && !$has_complained;
    my @after = times;
    my $cpu   = 0;
    $cpu += $after[$_] - $before[$_] for 0 .. 3;
    my %result = ( cpu => $cpu, outcome => $has_lived && $is_done ? 'success' : 'failed' );
    $result{error} = "the handler died: $error" if !$has_lived;
    return \%result;
}

# Discards all objects except these.
sub discard {
    my %is_kept = map { $_ => 1 } @_;
    my @others = grep { !$is_kept{$_} } keys %{ $Kernel::OM->{Objects} };
    $Kernel::OM->ObjectsDiscard( Objects => \@others ) if @others;
    return;
}

# The data, either frozen by Perl or as JSON.
sub payload {
    my ($text) = @_;
    if ( $text =~ m{\A\s*[\[\{]}xms ) {
        require JSON::PP;
        return JSON::PP->new()->utf8()->decode($text);
    }
    return Storable::thaw( decode_base64($text) ) // die "they are neither JSON nor what Storable froze, in base64\n";
}
