//! The end of a program that talked to hosts.

use std::time::Duration;

/// The most time that connections may take to clean up behind themselves, in all.
const LIMIT: Duration = Duration::from_secs(5);

/// Runs something that talks to hosts, and waits for what its connections still clean up: a shell of WinRM that nobody
/// deletes stays on its host for a quarter of an hour, and there are thirty of them for a user.
pub async fn settled<T>(work: impl Future<Output = T>) -> T {
    let result = work.await;
    paceline_winrm::settled(LIMIT).await;
    result
}
