# line 2 "settings.pl"
# Prints, as JSON, the installation's effective settings whose names begin with one of the arguments. The first
# argument is the original's program; as $0 it tells modules where they are installed.

use strict;
use warnings;

# Output of the installation's own code must not get into the answer.
my $answer;

BEGIN {
    $0 = shift @ARGV;
    open $answer, '>&', \*STDOUT or die "cannot keep the output: $!\n";
    open STDOUT, '>&', \*STDERR or die "cannot turn the output away: $!\n";
}

use JSON::PP ();
use Kernel::Config ();

# Texts, and arrays and hashes of them. Anything else in a configuration is left out.
sub plain {
    my ($value) = @_;
    my $kind = ref $value;
    return { map { $_ => plain( $value->{$_} ) } keys %{$value} } if $kind eq 'HASH';
    return [ map { plain($_) } @{$value} ] if $kind eq 'ARRAY';
    return undef if $kind || !defined $value;
    return "$value";
}

my $config = Kernel::Config->new();
my %settings;
for my $name ( keys %{$config} ) {
    next if !grep { index( $name, $_ ) == 0 } @ARGV;
    $settings{$name} = plain( $config->{$name} );
}
binmode $answer;
print {$answer} JSON::PP->new()->utf8()->encode( \%settings ) or die "cannot answer: $!\n";
close $answer or die "cannot answer: $!\n";
