# line 2 "heartbeat.pl"
# Renews the cache entry by which the web interface knows that a node's daemon runs, where the cache is not in files. It
# uses the installation's own code. Each byte on the standard input is a heartbeat; end of file ends this process.
#
#   heartbeat.pl PROGRAM PRODUCT NODE SECONDS
#
# PROGRAM is the path of the original's program, for code that looks up its own location; SECONDS is how long a
# heartbeat is valid.

use strict;
use warnings;

BEGIN { $0 = $ARGV[0] }

use Kernel::System::ObjectManager ();

my ( undef, $product, $node, $seconds ) = @ARGV;

# ps shows this title instead of the source text.
$0 = 'otrsd perl heartbeat';

local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => $product },
);

while ( sysread STDIN, my $beat, 1 ) {

    # An unreachable cache may be available again at the next heartbeat.
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
