//! The system's GSS-API ([RFC 2744], with the extensions of MIT Kerberos), loaded when it is first needed. The only file of this crate
//! with `unsafe`: what leaves it is safe to call, owns its handles and releases them.
//!
//! Why it is sound: the types below are those of MIT's `gssapi.h` and `gssapi_ext.h` on systems where these are not packed (not
//! macOS, which is refused). Every pointer that goes in is to memory that lives until the call returns, which is all that the
//! library asks for; every buffer that comes out is copied and released here. Contexts are used by one thread at a time, since every use
//! takes `&mut`; credentials have locks of their own in the library.
#![expect(unsafe_code, reason = "the library is C")]

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, OnceLock};

use libloading::Library;
use zeroize::Zeroize as _;

type Handle = *mut c_void;
type Status = u32;

#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *mut c_void,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *mut Oid,
}

#[repr(C)]
struct Bindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    application: Buffer,
}

#[repr(C)]
struct Piece {
    kind: u32,
    buffer: Buffer,
}

impl Buffer {
    const EMPTY: Self = Self { length: 0, value: ptr::null_mut() };

    /// For reading: the library does not write to what it is given so.
    fn over(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }

    fn over_mut(bytes: &mut [u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_mut_ptr().cast() }
    }
}

impl Oid {
    fn of(bytes: &'static [u8]) -> Self {
        // The identifiers below have 9 or 10 bytes.
        Self { length: u32::try_from(bytes.len()).unwrap_or(0), elements: bytes.as_ptr().cast_mut().cast() }
    }
}

/// 1.2.840.113554.1.2.2
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.113554.1.2.1.1
const USER_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 1];
/// 1.2.840.113554.1.2.1.4
const HOST_SERVICE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 1, 4];

const INITIATE: c_int = 1;
const MUTUAL: u32 = 2;
const REPLAY: u32 = 4;
const SEQUENCE: u32 = 8;
const CONFIDENTIAL: u32 = 16;
const INTEGRITY: u32 = 32;
const INDEFINITE: u32 = u32::MAX;
const CONTINUE_NEEDED: Status = 1;
const ERRORS: Status = 0xffff_0000;
const GSS_CODE: c_int = 1;
const MECHANISM_CODE: c_int = 2;
const DATA: u32 = 1;
const HEADER: u32 = 2;
const PADDING: u32 = 9;
const ALLOCATE: u32 = 0x0001_0000;

/// The functions, as `gssapi.h` declares them.
struct Api {
    import_name: unsafe extern "C" fn(*mut u32, *const Buffer, *const Oid, *mut Handle) -> Status,
    release_name: unsafe extern "C" fn(*mut u32, *mut Handle) -> Status,
    acquire_cred: unsafe extern "C" fn(
        *mut u32,
        Handle,
        u32,
        *const OidSet,
        c_int,
        *mut Handle,
        *mut *mut OidSet,
        *mut u32,
    ) -> Status,
    acquire_cred_with_password: unsafe extern "C" fn(
        *mut u32,
        Handle,
        *const Buffer,
        u32,
        *const OidSet,
        c_int,
        *mut Handle,
        *mut *mut OidSet,
        *mut u32,
    ) -> Status,
    release_cred: unsafe extern "C" fn(*mut u32, *mut Handle) -> Status,
    init_sec_context: unsafe extern "C" fn(
        *mut u32,
        Handle,
        *mut Handle,
        Handle,
        *const Oid,
        u32,
        u32,
        *const Bindings,
        *const Buffer,
        *mut *mut Oid,
        *mut Buffer,
        *mut u32,
        *mut u32,
    ) -> Status,
    delete_sec_context: unsafe extern "C" fn(*mut u32, *mut Handle, *mut Buffer) -> Status,
    release_buffer: unsafe extern "C" fn(*mut u32, *mut Buffer) -> Status,
    display_status: unsafe extern "C" fn(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer) -> Status,
    wrap_iov: unsafe extern "C" fn(*mut u32, Handle, c_int, u32, *mut c_int, *mut Piece, c_int) -> Status,
    unwrap_iov: unsafe extern "C" fn(*mut u32, Handle, *mut c_int, *mut u32, *mut Piece, c_int) -> Status,
    release_iov_buffer: unsafe extern "C" fn(*mut u32, *mut Piece, c_int) -> Status,
    /// Keeps the functions in memory.
    _library: Library,
}

/// A failure of the library.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The code of the mechanism; for Kerberos one of `krb5.h`.
    pub(super) code: i32,
    /// What the library says about both codes.
    pub(super) text: String,
}

/// What loading failed with.
type Missing = &'static str;

fn api() -> Result<&'static Api, Missing> {
    static API: OnceLock<Result<Api, String>> = OnceLock::new();
    API.get_or_init(load).as_ref().map_err(String::as_str)
}

fn load() -> Result<Api, String> {
    if cfg!(target_os = "macos") {
        return Err("Kerberos is not supported on macOS".into());
    }
    // SAFETY: the library's initialisers are those of a system library, which every program may load.
    let library = unsafe { Library::new("libgssapi_krb5.so.2") }.map_err(|error| error.to_string())?;
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the type of the field that this is assigned to is the function's declaration in C.
            *unsafe { library.get(concat!("gss_", $name, "\0").as_bytes()) }
                .map_err(|error| error.to_string())?
        };
    }
    Ok(Api {
        import_name: function!("import_name"),
        release_name: function!("release_name"),
        acquire_cred: function!("acquire_cred"),
        acquire_cred_with_password: function!("acquire_cred_with_password"),
        release_cred: function!("release_cred"),
        init_sec_context: function!("init_sec_context"),
        delete_sec_context: function!("delete_sec_context"),
        release_buffer: function!("release_buffer"),
        display_status: function!("display_status"),
        wrap_iov: function!("wrap_iov"),
        unwrap_iov: function!("unwrap_iov"),
        release_iov_buffer: function!("release_iov_buffer"),
        _library: library,
    })
}

impl Api {
    fn check(&self, status: Status, minor: u32) -> Result<(), Failure> {
        if status & ERRORS == 0 {
            return Ok(());
        }
        let (general, special) = (self.describe(status, GSS_CODE), self.describe(minor, MECHANISM_CODE));
        let text = if special.is_empty() { general } else { format!("{general}: {special}") };
        Err(Failure { code: minor.cast_signed(), text })
    }

    fn describe(&self, status: Status, kind: c_int) -> String {
        let (mut minor, mut more, mut text) = (0, 0, Buffer::EMPTY);
        let mechanism = Oid::of(KERBEROS);
        // SAFETY: all pointers are to locals that outlive the call.
        let done = unsafe {
            (self.display_status)(
                &raw mut minor,
                status,
                kind,
                &raw const mechanism,
                &raw mut more,
                &raw mut text,
            )
        };
        if done & ERRORS != 0 {
            return String::new();
        }
        let bytes = self.take(text);
        String::from_utf8_lossy(&bytes).chars().filter(|c| !c.is_control()).take(400).collect()
    }

    /// Copies a buffer of the library and gives it back.
    fn take(&self, mut buffer: Buffer) -> Vec<u8> {
        if buffer.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library returned this many bytes at this address, and nobody has released them.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }.to_vec();
        let mut minor = 0;
        // SAFETY: as above; the buffer is not used after this.
        unsafe { (self.release_buffer)(&raw mut minor, &raw mut buffer) };
        bytes
    }

    fn name(&'static self, text: &str, kind: &'static [u8]) -> Result<Name, Failure> {
        let (mut minor, mut handle) = (0, ptr::null_mut());
        let (buffer, kind) = (Buffer::over(text.as_bytes()), Oid::of(kind));
        // SAFETY: all pointers are to locals that outlive the call.
        let status = unsafe {
            (self.import_name)(&raw mut minor, &raw const buffer, &raw const kind, &raw mut handle)
        };
        self.check(status, minor)?;
        Ok(Name { api: self, handle })
    }
}

struct Name {
    api: &'static Api,
    handle: Handle,
}

impl Drop for Name {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's and is not used after this.
        unsafe { (self.api.release_name)(&raw mut minor, &raw mut self.handle) };
    }
}

/// Why there are no credentials.
#[derive(Debug)]
pub(super) enum NoCredential {
    /// The library cannot be loaded.
    Library(Missing),
    /// It failed.
    Failed(Failure),
}

/// Tickets of a user, or the way to them.
pub(super) struct Credential {
    api: &'static Api,
    handle: Handle,
}

// SAFETY: MIT Kerberos guards credentials with a lock of their own; the handle is a pointer to that.
unsafe impl Send for Credential {}
// SAFETY: as above.
unsafe impl Sync for Credential {}

impl Credential {
    /// With a password, for `user` or `user@REALM`. Talks to the KDC now or when a context is first made.
    pub(super) fn with_password(user: &str, password: &[u8]) -> Result<Self, NoCredential> {
        let api = api().map_err(NoCredential::Library)?;
        let name = api.name(user, USER_NAME).map_err(NoCredential::Failed)?;
        let (mut minor, mut handle) = (0, ptr::null_mut());
        let mut mechanism = Oid::of(KERBEROS);
        let mechanisms = OidSet { count: 1, elements: &raw mut mechanism };
        let password = Buffer::over(password);
        // SAFETY: all pointers are to locals that outlive the call, or null where the library allows it.
        let status = unsafe {
            (api.acquire_cred_with_password)(
                &raw mut minor,
                name.handle,
                &raw const password,
                INDEFINITE,
                &raw const mechanisms,
                INITIATE,
                &raw mut handle,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        api.check(status, minor).map_err(NoCredential::Failed)?;
        Ok(Self { api, handle })
    }

    /// From the ticket cache or the client's keytab, as the environment and `krb5.conf` say.
    pub(super) fn from_system(user: Option<&str>) -> Result<Self, NoCredential> {
        let api = api().map_err(NoCredential::Library)?;
        let name = user.map(|user| api.name(user, USER_NAME)).transpose().map_err(NoCredential::Failed)?;
        let (mut minor, mut handle) = (0, ptr::null_mut());
        let mut mechanism = Oid::of(KERBEROS);
        let mechanisms = OidSet { count: 1, elements: &raw mut mechanism };
        // SAFETY: as in `with_password`; a null name stands for the default one.
        let status = unsafe {
            (api.acquire_cred)(
                &raw mut minor,
                name.as_ref().map_or(ptr::null_mut(), |name| name.handle),
                INDEFINITE,
                &raw const mechanisms,
                INITIATE,
                &raw mut handle,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        api.check(status, minor).map_err(NoCredential::Failed)?;
        Ok(Self { api, handle })
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the handle is the library's and is not used after this.
        unsafe { (self.api.release_cred)(&raw mut minor, &raw mut self.handle) };
    }
}

/// A security context that this side begins. Delegation is never asked for.
pub(crate) struct GssContext {
    credential: Arc<Credential>,
    service: Name,
    handle: Handle,
    bindings: Option<Vec<u8>>,
    flags: u32,
}

// SAFETY: handles are pointers to memory that no thread owns; every use takes `&mut self`.
unsafe impl Send for GssContext {}
// SAFETY: `&self` gives no access to the handles.
unsafe impl Sync for GssContext {}

impl GssContext {
    /// For `SERVICE@host`, bound to a channel by `bindings`.
    pub(super) fn new(
        credential: Arc<Credential>,
        service: &str,
        bindings: Option<Vec<u8>>,
    ) -> Result<Self, Failure> {
        let service = credential.api.name(service, HOST_SERVICE)?;
        Ok(Self { credential, service, handle: ptr::null_mut(), bindings, flags: 0 })
    }

    /// Takes the peer's token (none at first); gives the token for the peer, and whether the context is complete.
    pub(super) fn step(&mut self, token: &[u8]) -> Result<(Vec<u8>, bool), Failure> {
        let api = self.credential.api;
        let (mut minor, mut output, mut flags) = (0, Buffer::EMPTY, 0);
        let (input, mechanism) = (Buffer::over(token), Oid::of(KERBEROS));
        let bindings = self.bindings.as_deref().map(|data| Bindings {
            initiator_type: 0,
            initiator: Buffer::EMPTY,
            acceptor_type: 0,
            acceptor: Buffer::EMPTY,
            application: Buffer::over(data),
        });
        // SAFETY: all pointers are to locals and fields that outlive the call, or null where the library allows it.
        let status = unsafe {
            (api.init_sec_context)(
                &raw mut minor,
                self.credential.handle,
                &raw mut self.handle,
                self.service.handle,
                &raw const mechanism,
                MUTUAL | REPLAY | SEQUENCE | CONFIDENTIAL | INTEGRITY,
                0,
                bindings.as_ref().map_or(ptr::null(), ptr::from_ref),
                if token.is_empty() { ptr::null() } else { &raw const input },
                ptr::null_mut(),
                &raw mut output,
                &raw mut flags,
                ptr::null_mut(),
            )
        };
        let output = api.take(output);
        api.check(status, minor)?;
        self.flags = flags;
        Ok((output, status & CONTINUE_NEEDED == 0))
    }

    /// Whether the peer proved itself and messages can be sealed.
    pub(super) fn is_protected(&self) -> bool {
        let wanted = MUTUAL | CONFIDENTIAL | INTEGRITY;
        self.flags & wanted == wanted
    }

    /// Seals `message` in place; gives the header and the padding that belong to it.
    pub(super) fn wrap(&mut self, message: &mut [u8]) -> Result<(Vec<u8>, Vec<u8>), Failure> {
        let api = self.credential.api;
        let (mut minor, mut is_sealed) = (0, 0);
        let mut pieces = [
            Piece { kind: HEADER | ALLOCATE, buffer: Buffer::EMPTY },
            Piece { kind: DATA, buffer: Buffer::over_mut(message) },
            Piece { kind: PADDING | ALLOCATE, buffer: Buffer::EMPTY },
        ];
        // SAFETY: the pieces and what they point to outlive the call; the data stays where it is.
        let status = unsafe {
            (api.wrap_iov)(&raw mut minor, self.handle, 1, 0, &raw mut is_sealed, pieces.as_mut_ptr(), 3)
        };
        let copy = |piece: &Piece| {
            if piece.buffer.value.is_null() {
                return Vec::new();
            }
            // SAFETY: the library allocated this many bytes at this address.
            unsafe { std::slice::from_raw_parts(piece.buffer.value.cast::<u8>(), piece.buffer.length) }
                .to_vec()
        };
        let (header, padding) = (copy(&pieces[0]), copy(&pieces[2]));
        let mut ignored = 0;
        // SAFETY: releases what was allocated by the call above, and nothing else: the flag tells.
        unsafe { (api.release_iov_buffer)(&raw mut ignored, pieces.as_mut_ptr(), 3) };
        api.check(status, minor)?;
        if is_sealed == 0 {
            message.zeroize();
            return Err(Failure { code: 0, text: "the message was not encrypted".into() });
        }
        Ok((header, padding))
    }

    /// Opens `message` in place, and gives the range of it that is the plain text.
    pub(super) fn unwrap(
        &mut self,
        header: &mut [u8],
        message: &mut [u8],
    ) -> Result<std::ops::Range<usize>, Failure> {
        let api = self.credential.api;
        let (mut minor, mut is_sealed) = (0, 0);
        let (start, longest) = (message.as_ptr() as usize, message.len());
        let mut pieces = [
            Piece { kind: HEADER, buffer: Buffer::over_mut(header) },
            Piece { kind: DATA, buffer: Buffer::over_mut(message) },
            // Where the padding of older ciphers is looked for.
            Piece { kind: DATA, buffer: Buffer::EMPTY },
        ];
        // SAFETY: the pieces and what they point to outlive the call, which works in place.
        let status = unsafe {
            (api.unwrap_iov)(
                &raw mut minor,
                self.handle,
                &raw mut is_sealed,
                ptr::null_mut(),
                pieces.as_mut_ptr(),
                3,
            )
        };
        api.check(status, minor)?;
        let offset = (pieces[1].buffer.value as usize).wrapping_sub(start);
        let range = offset..offset.wrapping_add(pieces[1].buffer.length);
        if is_sealed == 0 || range.start > range.end || range.end > longest {
            return Err(Failure { code: 0, text: "the message was not encrypted".into() });
        }
        Ok(range)
    }
}

impl Drop for GssContext {
    fn drop(&mut self) {
        let mut minor = 0;
        if !self.handle.is_null() {
            // SAFETY: the handle is the library's and is not used after this.
            unsafe {
                (self.credential.api.delete_sec_context)(
                    &raw mut minor,
                    &raw mut self.handle,
                    ptr::null_mut(),
                )
            };
        }
    }
}
