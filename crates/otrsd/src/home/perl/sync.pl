# line 2 "sync.pl"
# Writes the newest deployment of the settings into the installation's files with its own code. The first argument is
# the path of the original's program, for code that looks up its own location.

use strict;
use warnings;

BEGIN { $0 = $ARGV[0] }

use Kernel::System::ObjectManager ();

local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => $ARGV[1] },
);

# This node's cache does not know another node's deployment.
my $cache = $Kernel::OM->Get('Kernel::System::Cache');
$cache->Configure( CacheInMemory => 0, CacheInBackend => 1 );
$cache->CleanUp( Type => $_ ) for qw(SysConfig SysConfigDeployment);
$Kernel::OM->Get('Kernel::System::SysConfig')->ConfigurationDeploySync()
    or die "ConfigurationDeploySync returned false\n";
