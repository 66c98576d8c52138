# SPDX-License-Identifier: MIT OR Apache-2.0
# One line of text for any plain Perl data, so that another program can
# compare what it read with what Perl read. The grammar:
#   ~ undef   i:5 integer   d:HEX double, eight bytes   b:HEX bytes   t:HEX text
#   \X reference to a scalar   [X,X] array   {K=X,K=X} hash, sorted   Class(X) object
package Dump;

use strict;
use warnings;
no warnings 'recursion';

use B ();
use Scalar::Util qw(blessed reftype);

use Exporter 'import';
our @EXPORT_OK = qw(dump_value);

sub dump_value {
    my ($value) = @_;    # a copy: elements can be Perl's one undef, which has no flags to ask for
    return dump_reference($value) if ref $value;
    return '~' if !defined $value;
    my $flags = B::svref_2object(\$value)->FLAGS;
    return string($value) if $flags & B::SVf_POK;
    return "i:$value" if $flags & B::SVf_IOK;
    return 'd:' . unpack 'H*', pack 'd>', $value;
}

sub dump_reference {
    my ($reference) = @_;
    my $type = reftype $reference;
    my $dump
        = $type eq 'ARRAY' ? '[' . join(',', map { dump_value($_) } @$reference) . ']'
        : $type eq 'HASH'  ? dump_hash($reference)
        :                    '\\' . dump_value($$reference);
    return defined blessed $reference ? blessed($reference) . "($dump)" : $dump;
}

sub dump_hash {
    my ($hash) = @_;
    my @pairs;
    for my $key (sort keys %$hash) {
        my $value = $hash->{$key};    # passed on directly, it could count as a write to a restricted hash
        push @pairs, key($key) . '=' . dump_value($value);
    }
    return '{' . join(',', @pairs) . '}';
}

# A key of plain ASCII is the same key with and without Perl's text flag.
sub key {
    my ($key) = @_;
    utf8::downgrade($key) if $key !~ /[^\x00-\x7f]/;
    return string($key);
}

sub string {
    my ($string) = @_;
    my $kind = utf8::is_utf8($string) ? 't' : 'b';
    utf8::encode($string) if $kind eq 't';
    return "$kind:" . unpack 'H*', $string;
}

1;
