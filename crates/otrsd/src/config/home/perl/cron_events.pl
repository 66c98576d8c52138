# line 2 "cron_events.pl"
# Queries the installation's own CronEvent for the next and the previous fire time of an instant.
#
#   cron_events.pl PROGRAM < PROBES > ANSWERS
#
# PROGRAM is the original's program; as $0 it tells modules where they are installed. PROBES is a JSON array of
# [schedule, epoch seconds], ANSWERS one of [next, previous], in the installation's wall clock times, null where none.

use strict;
use warnings;

# Output of the installation's own code must not get into the answer.
my $answer;

BEGIN {
    $0 = shift @ARGV;
    open $answer, '>&', \*STDOUT or die "cannot keep the output: $!\n";
    open STDOUT, '>&', \*STDERR or die "cannot turn the output away: $!\n";
}

use JSON::PP                      ();
use Kernel::System::ObjectManager ();

local $Kernel::OM = Kernel::System::ObjectManager->new();
my $events = $Kernel::OM->Get('Kernel::System::CronEvent');

my $probes = JSON::PP->new()->utf8()->decode( join q{}, <STDIN> );
my @answers;
for my $probe ( @{$probes} ) {
    my ( $schedule, $epoch ) = @{$probe};

    # A new object for each call: CronEvent may change it.
    my @said = map {
        scalar $events->$_(
            Schedule      => $schedule,
            StartDateTime => $Kernel::OM->Create(
                'Kernel::System::DateTime', ObjectParams => { Epoch => $epoch },
            ),
        );
    } qw(NextEventGet PreviousEventGet);
    push @answers, \@said;
}
print {$answer} JSON::PP->new()->utf8()->encode( \@answers ) or die "cannot answer: $!\n";
close $answer or die "cannot answer: $!\n";
