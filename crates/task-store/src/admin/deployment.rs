//! The deployments of an installation's settings, which its web interface and its console make.

use crate::database::arguments;
use crate::database::error::Result;
use crate::store::Store;

impl Store {
    /// The number of the newest one, as `Kernel::System::SysConfig::DB` counts: users' own settings are others.
    /// Only in a home is there such a table.
    pub async fn newest_deployment(&self) -> Result<Option<i64>> {
        let sql = self.dialect().pick(
            "SELECT MAX(id) FROM sysconfig_deployment WHERE user_id IS NULL",
            "SELECT CAST(MAX(id) AS bigint) FROM sysconfig_deployment WHERE user_id IS NULL",
            "SELECT CAST(MAX(id) AS SIGNED) FROM sysconfig_deployment WHERE user_id IS NULL",
        );
        let row = self.row(sql, arguments![]).await?;
        row.map(|row| row.maybe_int(0)).transpose().map(Option::flatten)
    }
}
