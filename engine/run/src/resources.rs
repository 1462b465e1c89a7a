//! What a run takes of a cluster.

use serde::{Deserialize, Serialize};

/// What a run takes of a cluster; what is not said is left to the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Slurm: the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// Slurm: who pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Wall-clock limit of a job, as the scheduler writes it: `24:00:00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Slurm: memory, `16G`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mem: Option<String>,
    /// Cores.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u64>,
    /// GPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u64>,
    /// Slurm: runs at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// More arguments for `sbatch` or `hq submit`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

impl Resources {
    /// Whether they say nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// These, and where they say nothing, the others.
    pub fn or(self, others: Self) -> Self {
        Self {
            partition: self.partition.or(others.partition),
            account: self.account.or(others.account),
            time: self.time.or(others.time),
            mem: self.mem.or(others.mem),
            cpus: self.cpus.or(others.cpus),
            gpus: self.gpus.or(others.gpus),
            limit: self.limit.or(others.limit),
            args: others.args.into_iter().chain(self.args).collect(),
        }
    }
}
