# line 2 "heartbeat.pl"
# Keeps the entry of a cache that is not in files by which the web interface knows that a node's daemon runs, by the
# installation's own code. Each byte on the standard input is a beat; its end is that of this process.
#
#   heartbeat.pl PROGRAM PRODUCT NODE SECONDS
#
# PROGRAM is the original's, for whoever asks where he is; SECONDS is how long a beat holds.

use strict;
use warnings;

BEGIN { $0 = $ARGV[0] }

use Kernel::System::ObjectManager ();

my ( undef, $product, $node, $seconds ) = @ARGV;

# Who looks with ps sees what it is, and not this text.
$0 = 'otrsd perl heartbeat';

local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => $product },
);

while ( sysread STDIN, my $beat, 1 ) {

    # A cache that is away may be back at the next one.
    eval {
        $Kernel::OM->Get('Kernel::System::Cache')->Set(
            Type           => 'DaemonRunning',
            Key            => $node,
            Value          => 1,
            TTL            => $seconds,
            CacheInMemory  => 0,
            CacheInBackend => 1,
        );
        1;
    } or warn $@;
}
