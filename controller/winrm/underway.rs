//! Shells that are being made or deleted in the background, so that a program can wait for them before it ends: what is cut
//! off stays on its host, and hosts have few shells to give.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

static COUNT: LazyLock<watch::Sender<usize>> = LazyLock::new(|| watch::Sender::new(0));

/// Something that is under way for as long as this lives.
#[derive(Debug)]
pub(crate) struct Underway(());

impl Underway {
    pub(crate) fn begin() -> Self {
        COUNT.send_modify(|count| *count += 1);
        Self(())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        COUNT.send_modify(|count| *count -= 1);
    }
}

/// Waits until no shell is being made or deleted any more, in the whole program. False if that took longer than `limit`.
pub async fn settled(limit: Duration) -> bool {
    let mut count = COUNT.subscribe();
    timeout(limit, count.wait_for(|count| *count == 0)).await.is_ok_and(|ended| ended.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_what_is_under_way() {
        let one = Underway::begin();
        assert!(!settled(Duration::from_millis(10)).await);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(one);
        });
        assert!(settled(Duration::from_secs(30)).await);
    }
}
