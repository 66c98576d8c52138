# line 2 "cron_events.pl"
# Asks the installation's own CronEvent what comes after, and what came before, an instant.
#
#   cron_events.pl PROGRAM < PROBES > ANSWERS
#
# PROGRAM is the original's, for whoever asks where he is. PROBES is a JSON array of [schedule, epoch seconds], and
# ANSWERS one of [next, previous], in wall clock times of the installation, null where it says nothing.

use strict;
use warnings;

# What the installation's own code prints must not get into the answer.
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

    # An object of its own for each: CronEvent may change it.
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
