# SPDX-License-Identifier: MIT OR Apache-2.0
# Writes the golden images beside this script, and what Perl reads from them
# into expected.txt. Made with Perl 5.36 and Storable 3.26; run it again only
# to add images: perl generate.pl
use strict;
use warnings;
no warnings qw(once portable);

use FindBin qw($Bin);
use lib "$Bin/../perl";

use Hash::Util qw(lock_keys);
use Scalar::Util qw(weaken);
use Storable qw(freeze nfreeze nstore retrieve store thaw);

use Dump qw(dump_value);

{ package Overloaded; use overload '""' => sub { 'text' }, fallback => 1; }
{ package Hooked; sub STORABLE_freeze { return 'data' } sub STORABLE_thaw { } }
{ package Tied; sub TIEARRAY { bless {} } sub TIEHASH { bless {} } sub TIESCALAR { bless {} } }

$Storable::canonical = 1;
$Storable::Deparse   = 1;

my %plain = (
    task => {
        Module   => 'Kernel::System::Console::Command::Maint::Ticket::EscalationCheck',
        Function => 'Execute',
        Params   => ['--quiet', 5, 2.5, "\x{e4}\x{20ac}", undef],
    },
    worker_file => { 4711 => { PID => 4711, TaskID => 12345678901, StartTime => 1790000000 } },
    integers    => [
        0, 1, -1, 127, 128, -128, -129, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**53,
        9223372036854775807, -9223372036854775807 - 1, 18446744073709551615,
    ],
    doubles => [
        0.5, -2.5, 0.1, 1 / 3, 1e15, 1e16, 1e300, 5e-324, 1.7976931348623157e308,
        9**9**9, -9**9**9, -sin(9**9**9), -0.0, 3.0,
    ],
    strings => [
        '', 'a', "\0\n\xff", 'x' x 255, 'x' x 256, 'x' x 70000,
        "\x{20ac}", "\x{1f600}", "\x{20ac}" x 85, "\x{20ac}" x 86, upgraded(''), upgraded('a'), upgraded("\xe4"),
    ],
    empty      => [[], {}, \undef, undef, ''],
    empty_hash => {},
    empty_list => [],
    keys       => {
        '' => 1, 'a' => 2, "\0" => 3, "\xe4" => 4, upgraded("\xf6") => 5, upgraded('ascii') => 6,
        "\x{20ac}" => 7, "\xc3\xa4" => 8, 'k' x 300 => 9,
    },
    byte_keys   => { "\xe4" => 1, "\xc3\xa4" => 2 },
    scalar_root => \'text',
    undef_root  => \undef,
    references  => [\'a', \\'b', \\\[1], \{ a => \1 }],
    booleans    => [1 == 1, 1 == 0],
    unset       => unset(),
    blessed     => bless([bless({}, 'A'), bless({ a => 1 }, 'B'), bless(\(my $text = 'x'), 'A')], 'A'),
    class_names => [map { bless [], $_ x 1 } 'C' x 127, 'D' x 128, map { "Class$_" } 1 .. 130, 1 .. 130],
    overloaded  => [bless({}, 'Overloaded'), bless([], 'Overloaded')],
    restricted  => restricted(),
    shared      => shared(),
    alias       => alias(),
    weak        => weak(),
    version     => [v1.22.333, v1, eval 'v1' . '.2' x 200],
    deep        => nested(512),
);

my %refused = (
    cycle      => cycle(),
    code       => [sub { 1 }],
    regexp     => [qr/a.b/i],
    hook       => [bless {}, 'Hooked'],
    surrogates => ["\x{d800}"],
    beyond     => ["\x{110000}"],
    tied_array => do { tie my @tied, 'Tied'; \@tied },
    tied_hash  => do { tie my %tied, 'Tied'; \%tied },
    tied       => [do { tie my $tied, 'Tied'; \$tied }],
);

open my $expected, '>', "$Bin/expected.txt" or die "expected.txt: $!";
for my $name (sort keys %plain) {
    write_image("$name.native.bin", freeze($plain{$name}));
    write_image("$name.bin",        nfreeze($plain{$name}));
}
store($plain{worker_file}, "$Bin/worker_file.store.bin");
nstore($plain{worker_file}, "$Bin/worker_file.nstore.bin");
print {$expected} "worker_file.$_.bin ", dump_value(retrieve("$Bin/worker_file.$_.bin")), "\n"
    for qw(nstore store);
write_file("refused_$_.bin", nfreeze($refused{$_})) for sort keys %refused;

sub write_image {
    my ($name, $image) = @_;
    write_file($name, $image);
    print {$expected} "$name ", dump_value(thaw($image)), "\n";
}

sub write_file {
    my ($name, $image) = @_;
    open my $out, '>:raw', "$Bin/$name" or die "$name: $!";
    print {$out} $image;
    close $out or die "$name: $!";
}

sub upgraded {
    my ($string) = @_;
    utf8::upgrade($string);
    return $string;
}

sub unset { my @list; $list[3] = 1; return \@list }

sub restricted {
    my %hash = (a => 1, b => undef, "\x{20ac}" => 2);
    lock_keys(%hash, keys %hash, 'absent', "\x{20ad}");
    return \%hash;
}

sub shared {
    my ($hash, $text) = ({ a => [1] }, 'x');
    my $object = bless { of => $hash }, 'Shared';
    return [$hash, $hash, { again => $hash->{a} }, \$text, \$text, $object, $object, bless({}, 'Shared')];
}

sub alias { my @list = (1, 'x'); push @list, \$list[0], \$list[1]; return \@list }

sub weak {
    my $shared = { a => 1 };
    my $list   = [$shared, $shared];
    weaken($list->[1]);
    return $list;
}

sub cycle { my $hash = { a => 1 }; $hash->{self} = [$hash]; return $hash }

sub nested {
    my ($levels) = @_;
    my $value = 'bottom';
    $value = [$value] for 1 .. $levels;
    return $value;
}
