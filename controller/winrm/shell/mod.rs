//! One shell on a host: commands run in it, at once if they have to, and deleting it ends them all.

mod input;
mod options;
mod pipe;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::time::timeout;

pub use input::Input;
pub use options::ShellOptions;
pub use pipe::Output;
pub use process::{Control, Process};

use crate::answer::{Answer, unreadable};
use crate::client::Inner;
use crate::command::CommandLine;
use crate::envelope::{self, Common};
use crate::error::{Error, Operation};
use crate::fault::FaultKind;
use crate::underway::Underway;
use crate::xml::NotXml;

/// A shell. It is deleted when it is closed or dropped; then everything that runs in it ends.
#[derive(Debug)]
pub struct Shell {
    core: Arc<Core>,
}

/// What commands need of their shell.
#[derive(Debug)]
struct Core {
    client: Arc<Inner>,
    id: String,
    is_closed: AtomicBool,
    runtime: Handle,
}

impl Shell {
    pub(crate) async fn create(client: Arc<Inner>, options: ShellOptions) -> Result<Self, Error> {
        let operation = Operation::Create;
        let answer = client.ask_small(operation, |common| envelope::create(common, &options)).await?;
        let source = unreadable("it has no id of the shell");
        let id = answer.shell.filter(|id| !id.is_empty()).ok_or(Error::Unreadable { operation, source })?;
        let core = Core { client, id, is_closed: AtomicBool::new(false), runtime: Handle::current() };
        Ok(Self { core: Arc::new(core) })
    }

    /// The id that the host gave it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.core.id
    }

    /// Starts a command. If this future is dropped while the host starts it, the command is terminated.
    ///
    /// # Errors
    ///
    /// [`Error`]; with [`Error::may_have_been_done`] the command may have run.
    pub async fn run(&self, line: CommandLine) -> Result<Process, Error> {
        let core = Arc::clone(&self.core);
        match tokio::spawn(async move { process::start(core, line).await }).await {
            Ok(process) => process,
            Err(_) => Err(Error::Closed),
        }
    }

    /// Deletes the shell and waits for the host's word. Commands that are being started in it fail. Nothing is done the
    /// second time.
    ///
    /// # Errors
    ///
    /// [`Error`]. A shell that is gone already is no error.
    pub async fn close(&self) -> Result<(), Error> {
        if self.core.is_closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let core = Arc::clone(&self.core);
        let underway = Underway::begin();
        // In a task of its own: a caller that stops waiting does not stop it.
        let deleting = async move {
            let _underway = underway;
            core.delete().await
        };
        match tokio::spawn(deleting).await {
            Ok(result) => result,
            Err(_) => Err(Error::Closed),
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        if !self.core.is_closed.swap(true, Ordering::SeqCst) {
            let core = Arc::clone(&self.core);
            let underway = Underway::begin();
            self.core.runtime.spawn(async move {
                let _underway = underway;
                let _ = core.delete().await;
            });
        }
    }
}

impl Core {
    /// A request about this shell.
    async fn ask(
        &self,
        operation: Operation,
        write: impl Fn(&Common<'_>) -> Result<String, NotXml>,
    ) -> Result<Answer, Error> {
        let answer = match operation {
            // Smaller envelopes need smaller input.
            Operation::Send => self.client.ask(operation, write).await,
            _ => self.client.ask_small(operation, write).await,
        };
        match answer {
            // What fails because the shell was closed here is no news.
            Err(_) if self.is_closed.load(Ordering::SeqCst) => Err(Error::Closed),
            other => other,
        }
    }

    /// Deletes the shell. Doing that twice does no harm, so a lost answer is asked for once more.
    async fn delete(&self) -> Result<(), Error> {
        let operation = Operation::Delete;
        let limit = self.client.cleanup();
        let both = async {
            match self.delete_once().await {
                Err(error) if error.is_retryable() || error.may_have_been_done() => self.delete_once().await,
                other => other,
            }
        };
        timeout(limit, both).await.unwrap_or(Err(Error::Silent { operation, limit }))
    }

    async fn delete_once(&self) -> Result<(), Error> {
        match self.client.ask(Operation::Delete, |common| envelope::delete(common, &self.id)).await {
            Err(Error::Fault { fault, .. }) if fault.kind() == FaultKind::Gone => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
