# SPDX-License-Identifier: MIT OR Apache-2.0
# Answers questions about Storable, one a line, until its input ends:
#   thaw HEX             -> the dump of what Perl thaws
#   numbers HEX          -> the elements of a thawed array as numbers, eight bytes each
#   make WAY SEED        -> random data frozen by WAY, and its dump after Perl's own thaw
# WAY is freeze, nfreeze, canonical, store or nstore. A failure is answered by "! message".
use strict;
use warnings;

use File::Temp qw(tempfile);
use FindBin qw($Bin);
use lib $Bin;

use Storable qw(freeze nfreeze retrieve store nstore thaw);

use Dump qw(dump_value);
use Random qw(random_data);

my (undef, $file) = tempfile(UNLINK => 1);

my %make = (
    freeze    => \&freeze,
    nfreeze   => \&nfreeze,
    canonical => sub { local $Storable::canonical = 1; nfreeze($_[0]) },
    store     => sub { store($_[0], $file); slurp($file) },
    nstore    => sub { nstore($_[0], $file); slurp($file) },
);

my %answer = (
    thaw    => sub { dump_value(open_image(pack 'H*', $_[0])) },
    numbers => sub {
        join ' ', map { unpack 'H*', pack 'd>', $_ * 1 } @{ open_image(pack 'H*', $_[0]) };
    },
    make => sub {
        my ($way, $seed) = @_;
        my $image = $make{$way}->(random_data($seed));
        return unpack('H*', $image) . ' ' . dump_value(open_image($image));
    },
);

$| = 1;
while (my $line = <STDIN>) {
    my ($question, @arguments) = split ' ', $line;
    my $answer = eval { $answer{$question}->(@arguments) } // "! $@";
    $answer =~ s/\s+\z//;
    print $answer =~ s/\n/ /gr, "\n";
}

sub open_image {
    my ($image) = @_;
    return thaw($image) // die "not an image\n" if $image !~ /\Apst0/;
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $image;
    close $out or die "$file: $!";
    return retrieve($file);
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$in>;
}
