#!/usr/bin/env perl
# Asks cronie's own parser, by way of its program cronnext, and prints the table of
# tests/it/vixie_oracle.rs. Made with cronie 1.7.2; not run by the tests, as few hosts have cronie.
#
#   generate-cronie.pl ROWS SEED cronnext > cronie.txt
#
# One schedule a line, columns separated by tabs:
#   schedule  start  next     start in epoch seconds, next in minutes from the minute of start
#   schedule  start  -        refused, or never due within 8 years
#
# Left out: what cronnext decides differently from crond (a stepped star in a day field beside a
# restricted one), and what this project refuses on purpose (ranges that run backwards or out of
# their field, ~, @reboot).

use strict;
use warnings;
use File::Temp ();

$ENV{TZ} = 'UTC';
my ($rows, $seed, @cronnext) = @ARGV;
die "usage: generate-cronie.pl ROWS SEED COMMAND...\n" unless @cronnext;
srand($seed);

my @months = qw(jan FEB Mar apr may jun jul aug sep oct nov dec);
my @weekdays = qw(sun MON Tue wed thu fri sat);
my @fixed = (
    '@hourly', '@daily', '@midnight', '@weekly', '@monthly', '@yearly', '@annually', '@never', '@Daily',
    '0 0 * * 7', '0 0 * * 0', '0 0 * * sun', '0 0 * * 5-7', '0 0 * * 6-7/1', '0 0 * * sun-tue',
    '0 0 1,* * 1', '0 0 *,1 * 1', '0 0 1 * 1,*', '0 0 */1 * 1', '0 0 13 * 5', '0 0 13 * fri',
    '5/10 * * * *', '*/0 * * * *', '*/100 * * * *', '*/ * * * *', '*/x * * * *', '1, * * * *', ',1 * * * *',
    '1,,2 * * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * 32 * *', '* * * 0 *', '* * * 13 *',
    '* * * * 8', '05 05 05 05 05', '0 0 31 2 *', '0 0 30 2 *', '0 0 29 2 *', '0 0 31 apr,jun,sep,nov *',
    '* * * january *', '* * * * sunday', 'jan * * * *', '* * * mon *', '* * * jan-mar *', '* * * 1-mar/2 *',
    '*5 * * * *', '1-5-9 * * * *', '1- * * * *', '!5 * * * *', '<5 * * * *', '1.5 * * * *',
    '? * * * *', '0 0 L * *', '0 0 * * 5#2', '0 0 15W * *', '59 23 31 12 *', '0 0 */10 * *', '0 0 1 */2 *',
    '0-59/7,3 * * * *', '* * * *', '*/15 8-17 * * mon-fri', '0 0 1-7 * mon', '00000000007 * * * *',
);

my @schedules = (@fixed, map { random_schedule() } 1 .. $rows);
while (my @batch = splice @schedules, 0, 50) {
    my $start = 946_684_800 + int(rand(1_000_000_000));
    $start -= $start % 60 if rand() < 0.5;
    print_batch($start, @batch);
}

sub print_batch {
    my ($start, @batch) = @_;
    my $crontab = File::Temp->new;
    printf {$crontab} "%s job%d.\n", $batch[$_], $_ for 0 .. $#batch;
    close $crontab;
    # cronnext rounds up to a whole minute, which itself may be due.
    my $wanted = $start + 1;
    open my $answer, '-|', @cronnext, '-c', '-t', $wanted, "$crontab" or die "@cronnext: $!";
    my (%next, $job);
    while (<$answer>) {
        $job = $1 if /cmd: "job(\d+)\."/;
        $next{$job} = $1 if /^\s+next: (\d+)/;
    }
    for my $i (0 .. $#batch) {
        my $next = defined $next{$i} ? ($next{$i} - ($start - $start % 60)) / 60 : '-';
        print "$batch[$i]\t$start\t$next\n";
    }
}

sub random_schedule {
    my ($minute, $hour) = (random_field(0, 59), random_field(0, 23));
    my $month = random_field(1, 12, @months);
    my $day = rand() < 0.3 ? '*' : random_field(1, 31);
    my $weekday = rand() < 0.5 ? '*' : random_field(0, 7, @weekdays);
    $weekday = '1-5' if $weekday =~ m{^\*/};
    $weekday = '*' if $day =~ m{^\*/};
    return "$minute $hour $day $month $weekday";
}

sub random_field {
    my ($low, $high, @names) = @_;
    return '*' if rand() < 0.35;
    my $count = rand() < 0.6 ? 1 : 2 + int(rand(4));
    return join ',', map { random_element($low, $high, @names) } 1 .. $count;
}

sub random_element {
    my ($low, $high, @names) = @_;
    my $value = sub { $low + int(rand($high - $low + 1)) };
    my $kind = rand();
    return $names[int(rand(@names))] if @names && $kind < 0.3;
    return $value->() if $kind < 0.5;
    return '*/' . (1 + int(rand($high))) if $kind < 0.65;
    my ($first, $last) = sort { $a <=> $b } $value->(), $value->();
    return "$first-$last" if $kind < 0.8;
    return "$first-$last/" . (1 + int(rand(9))) if $kind < 0.96;
    return $high + int(rand(3)) if $kind < 0.98;
    return ('*', '', 'x', "$first/$last")[int(rand(4))];
}
