//! A door between a daemon and its database server, which a test closes and opens.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Lets connections through to a server, or none.
pub(crate) struct Door {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    through: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(true));
        let through = Arc::new(Mutex::new(Vec::new()));
        let door = Self { address, open: Arc::clone(&open), through: Arc::clone(&through) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if !open.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(&server) else { continue };
                carry(&client, &server);
                carry(&server, &client);
                through.lock().unwrap().extend([client, server]);
            }
        });
        door
    }

    /// A door to the server of a URL, and the URL that goes through it.
    pub(crate) fn before(url: &str) -> (Self, String) {
        let (before, rest) = url.split_once('@').unwrap();
        let (server, name) = rest.rsplit_once('/').unwrap();
        let door = Self::to(server.to_owned());
        let url = format!("{before}@{}/{name}", door.address);
        (door, url)
    }

    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        for stream in self.through.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// Carries bytes until one side ends.
fn carry(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
