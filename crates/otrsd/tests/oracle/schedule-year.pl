#!/usr/bin/env perl
# Asks the real Schedule::Cron::Events (libschedule-cron-events-perl) for all due instants of a time.
#
#   schedule-year.pl FROM TO < SCHEDULES
#
# FROM and TO are epoch seconds; due instants after FROM and up to TO count. A schedule a line; for each the
# line is repeated, and then come its due instants in epoch seconds, a line each.
# The module thinks in the host's local time, so the host is put into UTC here, as the original does it.

use strict;
use warnings;
use POSIX ();
use Schedule::Cron::Events;
use Time::Local qw(timegm);

$ENV{TZ} = 'UTC';
POSIX::tzset();

my ($from, $to) = @ARGV;
die "usage: schedule-year.pl FROM TO\n" unless defined $to;
while (my $schedule = <STDIN>) {
    chomp $schedule;
    print "$schedule\n";
    my $events = Schedule::Cron::Events->new($schedule, Date => [(gmtime $from)[0 .. 5]]);
    while (1) {
        my ($second, $minute, $hour, $day, $month, $year) = $events->nextEvent;
        my $due = timegm($second, $minute, $hour, $day, $month, $year + 1900);
        last if $due > $to;
        print "$due\n";
    }
}
