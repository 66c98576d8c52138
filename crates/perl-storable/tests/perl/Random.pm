# SPDX-License-Identifier: MIT OR Apache-2.0
# Random plain data with everything Storable treats apart: lengths around 255,
# integers around each size, text, restricted hashes, objects, shared parts.
package Random;

use strict;
use warnings;
no warnings 'portable';

use Hash::Util qw(lock_keys);
use Scalar::Util qw(reftype);

use Exporter 'import';
our @EXPORT_OK = qw(random_data);

{ package Overloaded; use overload '""' => sub { 'text' }, fallback => 1; }

my @LIMITS = (
    0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 65536,
    2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32, 2**53, 2**63 - 1024,
    9223372036854775807, -9223372036854775807 - 1, 18446744073709551615,
);
my @DOUBLES = (
    0.5, -2.5, 0.1, 1 / 3, 1e15, 1e16, 1e300, -1e-300, 5e-324, 2.5e9,
    1.7976931348623157e308, 9**9**9, -9**9**9, -sin(9**9**9),
);
my @LENGTHS = (0, 1, 2, 5, 20, 254, 255, 256, 257, 300);
my @CLASSES = ('A', 'Kernel::System::Ticket', 'B' x 126, 'C' x 127, 'D' x 128, 'E' x 300);

# References made so far, to be used again.
my @shared;

sub random_data {
    my ($seed) = @_;
    srand $seed;
    @shared = ();
    return container(1 + int rand 5);
}

sub pick { return $_[ int rand @_ ] }

sub container {
    my ($depth) = @_;
    my $made = rand() < 0.5 ? array($depth) : rand() < 0.9 ? hash($depth) : reference($depth);
    $made = bless $made, pick(@CLASSES, 'Overloaded')
        if rand() < 0.1 && !(reftype $made eq 'HASH' && Internals::SvREADONLY(%$made));
    push @shared, $made;
    return $made;
}

sub array {
    my ($depth) = @_;
    my @elements = map { value($depth - 1) } 1 .. int rand 6;
    $#elements += 2 if rand() < 0.05;
    push @elements, \$elements[0] if @elements && !ref $elements[0] && rand() < 0.1;
    return \@elements;
}

sub hash {
    my ($depth) = @_;
    my %pairs = map { string() => value($depth - 1) } 1 .. int rand 6;
    if (rand() < 0.1) {
        my @absent = map { string() } 1 .. int rand 3;
        lock_keys(%pairs, keys %pairs, @absent);
        Internals::SvREADONLY(%pairs, 0) if rand() < 0.3;
    }
    return \%pairs;
}

sub reference {
    my ($depth) = @_;
    my $value = value($depth - 1);
    return \$value;
}

sub value {
    my ($depth) = @_;
    my $dice = rand;
    return container($depth) if $depth > 0 && $dice < 0.35;
    return pick(@shared) if @shared && $dice < 0.42;
    return scalar_value();
}

sub scalar_value {
    my $dice = rand;
    return undef if $dice < 0.08;
    return $dice < 0.10 if $dice < 0.12;
    return pick(@LIMITS) if $dice < 0.25;
    return int(rand 2**pick(8, 16, 32, 48)) - 100 if $dice < 0.35;
    return pick(@DOUBLES) if $dice < 0.42;
    return random_double() if $dice < 0.5;
    return v1.22.333 if $dice < 0.52;
    return string();
}

sub random_double {
    return unpack 'd', pack 'Q', int(rand 2**32) * 2**32 + int rand 2**32;
}

sub string {
    my $length = rand() < 0.7 ? int rand 12 : pick(@LENGTHS);
    my $top    = pick(0x80, 0x80, 0x100, 0x800, 0xd000, 0x1f600);
    my $string = join '', map { character(int rand $top) } 1 .. $length;
    utf8::upgrade($string) if rand() < 0.3;
    return $string;
}

# Half of a surrogate pair is no character, though Perl lets it pass.
sub character {
    my ($number) = @_;
    return chr($number >= 0xd800 && $number < 0xe000 ? 0xe000 : $number);
}

1;
