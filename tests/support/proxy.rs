//! TCP in between: a door that counts the bytes, and one that lets in and says nothing.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Passes every connection on to one address and counts what clients send.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    sent: Arc<AtomicU64>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    is_cut: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn to(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let own = listener.local_addr().unwrap().port();
        let sent = Arc::new(AtomicU64::new(0));
        let (open, is_cut) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (count, to) = (Arc::clone(&sent), (address.to_owned(), port));
        let (streams, shut) = (Arc::clone(&open), Arc::clone(&is_cut));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                if shut.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect((to.0.as_str(), to.1)) else { continue };
                streams.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let (up, down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let count = Arc::clone(&count);
                std::thread::spawn(move || pass(up, server, &count));
                std::thread::spawn(move || pass(down, client, &AtomicU64::new(0)));
            }
        });
        Self { port: own, sent, open, is_cut }
    }

    /// Pulls the cable: every connection is gone, and none is made any more.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Puts the cable back.
    pub(crate) fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }

    /// Bytes that clients sent since this was last asked.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.swap(0, Ordering::SeqCst)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        count.fetch_add(length as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Accepts connections and then does `talk` with each.
pub(crate) fn server(address: &str, talk: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (client, talk) = (client.unwrap(), talk.clone());
            std::thread::spawn(move || talk(client));
        }
    });
    port
}

/// A port of this address on which nobody listens.
pub(crate) fn closed_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}
