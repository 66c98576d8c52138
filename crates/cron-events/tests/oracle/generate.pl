#!/usr/bin/env perl
# Asks the real Schedule::Cron::Events for due instants and prints them as the table of
# tests/it/perl_oracle.rs reads it. Needs libschedule-cron-events-perl.
#
#   generate.pl ROWS SEED > perl.txt
#
# One schedule a line, columns separated by tabs:
#   schedule  start  n1 n2 n3  p1 p2 p3   start in epoch seconds; the next three and the last three
#                                         due instants, each as minutes from the one before it
#   schedule  start  ~  p1                a value of hour or month is repeated: the module's next
#                                         is unusable then, its first previous is not
#   schedule  -                           refused
# The module thinks in the host's local time, so the host is put into UTC here.

use strict;
use warnings;
use POSIX ();
use Schedule::Cron::Events;
use Time::Local qw(timegm);

$ENV{TZ} = 'UTC';
POSIX::tzset();

my ($rows, $seed) = @ARGV;
die "usage: generate.pl ROWS SEED\n" unless defined $seed;
srand($seed);

# Smallest and largest value, and words a person might write there.
my @fields = (
    [0, 59, 'x'], [0, 23, 'noon'], [1, 31, 'L'], [1, 12, 'JAN'], [0, 7, 'MON'],
);

# What the random part would not hit often enough; each with a few start times.
my @odd = (
    '5/10 * * * *', '*/10 * * * *', '0 0 */10 * *', '0 0 1 */2 *', '0 0 13 * 5', '0 0 */10 * 1',
    '0 0 * * 7', '0 0 * * 0,7', '0 0 * * 5-7', '0 0 * * 7-7', '0 0 * * 6-8', '0 0 * * 7,7',
    '0 0 * * 5-7,7', '0 0 * * MON', '0 0 1 * MON', '0 0 1 JAN *', '0 0 1 JAN,2 *', '5,x * * * *',
    'x * * * *', '!5 * * * *', '!5,!6 */2 * * *', '<10 * * * *', '>50 * * * *', '>10,<20 * * * *',
    '<10,>20 * * * *', '>50,5 * * * *', '>10,!15,!16 * * * *', '1-10,!5 * * * *', '3,!3 * * * *',
    '!010 * * * *', '!08 * * * *', '!8,!08 * * * *', '<010 * * * *', '<08,5 * * * *', '!00 * * * *',
    '<5/2 * * * *', '!5/2 * * * *', '*/0 * * * *', '*/00 * * * *', '5/00 * * * *', 'x/00,5 * * * *',
    '9-5/00,5 * * * *', '*/01 * * * *', '*/1000 * * * *', '*/2/3,7 * * * *', '5/,7 * * * *',
    '5-1,7 * * * *', '5-1 * * * *', '1-2-3,7 * * * *', '*-5,7 * * * *', ',,7,, * * * *', ', * * * *',
    '05 05 05 05 *', '60 * * * *', '59 24 * * *', '0 0 32 * *', '0 0 1 13 *', '0 0 * * 8',
    '0 0 0 * *', '0 0 0,5 * *', '0 0 0 * 1', '0 0 1 0 *', '0 0 1 0,3 *', '0 0 <2 * *', '0 0 >30 * *',
    '0 0 !1 * *', '0 0 * !1 *', '0 0 * * !1', '0 0 * * >5', '0 0 * * <1', '50-100/60 * * * *',
    '0-65/7 * * * *', '60,!60 * * * *', '5,60,!60 * * * *', '70-80,!60,5 * * * *', '*,* * * * *',
    '0 0 *,5 * 1', '0 0 1,* * 1', '0 0 */1 * 1', '0 0 1 * */2', '0 0 5 * */1', '0 0 31 2 *',
    '0 0 30 2 *', '0 0 30,31 2 *', '0 0 31 4,6,9,11 *', '0 0 31 2 1', '0 0 29 2 *', '0 0 29 2 1',
    '59 23 31 12 *', '0 0 1 1 *', '* * * * * /bin/true', '0 0 * * 1 2 3 4', ' 0 0 * * 1', "\t5 0 * *\t1",
    '1 2 3 4', '', '# 1 2 3 4 5', ' # 1 2 3 4 5', 'A=5 1 2 3 4 5', '5=5,6 * * * *', ' 5=5,6 * * * *',
    'A= 1 2 3 4', '@daily', '@hourly * * * *', '*/5 8-17 * * 1-5', '0 8 1-7 * 1', '5,5 * * * *',
    '30 5,5 * * *', '0 0 1 2,2 *', '0 0-12,12 * * *', '0 1-5,3 * 3,3 *', '-5 * * * *', '+5 * * * *',
    '5.5,6 * * * *', '1e1,6 * * * *', '?,6 * * * *', '99999999999999999999 * * * *',
    '0-59/99999999999999999999 * * * *', '!99999999999999999999 * * * *', '1-99999999999999999999 * * * *',
);

print_row($_, random_start()) for map { ($_) x 3 } @odd;
for (1 .. $rows) {
    print_row(join(' ', map { random_field(@$_) } @fields), random_start());
}

sub random_start {
    my $from = timegm(0, 0, 0, 1, 0, 2000);
    my $until = timegm(0, 0, 0, 1, 0, 2037);
    my $start = $from + int(rand($until - $from));
    # Starts at the very second of a due minute decide which way a border is drawn.
    $start -= $start % 60 if rand() < 0.3;
    $start -= $start % 3600 if rand() < 0.1;
    $start -= $start % 86400 if rand() < 0.05;
    return $start;
}

sub random_field {
    my ($low, $high, $word) = @_;
    return '*' if rand() < 0.35;
    my $count = rand() < 0.7 ? 1 : 2 + int(rand(3));
    return join ',', map { random_element($low, $high, $word) } 1 .. $count;
}

sub random_element {
    my ($low, $high, $word) = @_;
    my $value = sub { $low + int(rand($high - $low + 1)) };
    my $kind = rand();
    return random_text() if $kind < 0.05;
    return $value->() if $kind < 0.35;
    return '*/' . (1 + int(rand($high))) if $kind < 0.5;
    my ($first, $last) = sort { $a <=> $b } $value->(), $value->();
    return "$first-$last" if $kind < 0.65;
    return "$first-$last/" . (1 + int(rand(9))) if $kind < 0.8;
    return '!' . $value->() if $kind < 0.85;
    return '<' . $value->() if $kind < 0.88;
    return '>' . $value->() if $kind < 0.91;
    return $word if $kind < 0.93;
    return sprintf '%02d', $value->() if $kind < 0.95;
    return $value->() . '/' . (1 + int(rand(9))) if $kind < 0.97;
    return '*' if $kind < 0.98;
    return $high + int(rand(3)) if $kind < 0.99;
    return ('', '*/0', "$last-$first", '0')[int(rand(4))];
}

# Short enough that no range fills the memory of the module.
sub random_text {
    my @letters = (0 .. 9, 0, 0, split //, '--**//,,!!<<>>x');
    return join '', map { $letters[int(rand(@letters))] } 1 .. 1 + int(rand(6));
}

sub print_row {
    my ($schedule, $start) = @_;
    my @date = (gmtime $start)[0 .. 5];
    my $events = eval { Schedule::Cron::Events->new($schedule, Date => \@date) };
    my $shown = $schedule =~ s/\t/\\t/gr;
    if (!$events) {
        print "$shown\t-\n";
        return;
    }
    my @before = three(sub { $events->previousEvent });
    if (repeats($events->{e}) || repeats($events->{g})) {
        print "$shown\t$start\t~\t", steps($start, -1, $before[0]), "\n" if @before;
        return;
    }
    $events->resetCounter;
    my @after = three(sub { $events->nextEvent });
    return if !@before || !@after;
    print "$shown\t$start\t", steps($start, 1, @after), "\t", steps($start, -1, @before), "\n";
}

# Three instants; a minute that the schedule repeats is due twice to the module, once to us.
sub three {
    my ($event) = @_;
    my @instants;
    while (@instants < 3) {
        my $instant = instant($event->()) // return;
        push @instants, $instant if !@instants || $instants[-1] != $instant;
    }
    return @instants;
}

sub repeats {
    my %seen;
    return grep { $seen{$_}++ } @{ $_[0] };
}

# Nothing where the module names a day or month 0.
sub instant {
    my ($second, $minute, $hour, $day, $month, $year) = @_;
    return if $day < 1 || $month < 0;
    return timegm($second, $minute, $hour, $day, $month, $year + 1900);
}

sub steps {
    my ($from, $sign, @instants) = @_;
    $from -= $from % 60;
    my @steps;
    for my $instant (@instants) {
        push @steps, $sign * ($instant - $from) / 60;
        $from = $instant;
    }
    return join ' ', @steps;
}
