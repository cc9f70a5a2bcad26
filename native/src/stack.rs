//! A stack of its own for code that recurses as deep as a stranger's schema says. Its memory is only reserved; what
//! was never touched costs nothing.

use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};

const PAGE: usize = 4096;
/// What a run may leave behind before its pages go back to the system.
const KEPT: usize = 1 << 20;

pub struct Stack {
    base: *mut c_void,
    size: usize,
}

// A region of memory; whoever has the Stack has it alone.
unsafe impl Send for Stack {}

/// What a function panicked with.
pub struct Panicked;

struct Job<F, R> {
    work: ManuallyDrop<F>,
    result: Option<Result<R, Panicked>>,
}

unsafe extern "C" fn start<F: FnOnce() -> R, R>(job: *mut c_void) {
    let job = unsafe { &mut *job.cast::<Job<F, R>>() };
    let work = unsafe { ManuallyDrop::take(&mut job.work) };
    job.result = Some(catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked));
}

impl Stack {
    /// None: the system has no room for it.
    pub fn new(size: usize) -> Option<Stack> {
        let size = size.next_multiple_of(PAGE) + PAGE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let base = unsafe { libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return None;
        }
        let stack = Stack { base, size };
        // Below its end lies a page that nobody may touch.
        (unsafe { libc::mprotect(base, PAGE, libc::PROT_NONE) } == 0).then_some(stack)
    }

    /// Runs `work` on this stack. The hook of lib.rs is silent for it: see quietly().
    pub fn run<F: FnOnce() -> R, R>(&mut self, work: F) -> Result<R, Panicked> {
        let mut job = Job { work: ManuallyDrop::new(work), result: None };
        let top = self.base as usize + self.size;
        unsafe { call_on(top, start::<F, R>, (&raw mut job).cast()) };
        job.result.unwrap_or(Err(Panicked))
    }

    /// Gives pages back that a deep run has touched.
    pub fn shrink(&mut self) {
        if self.size > KEPT + PAGE {
            let from = self.base.wrapping_byte_add(PAGE);
            unsafe { libc::madvise(from, self.size - KEPT - PAGE, libc::MADV_DONTNEED) };
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        unsafe { libc::munmap(self.base, self.size) };
    }
}

/// Calls with the stack pointer at `top`, which is a multiple of 16. `entry` neither panics nor jumps out.
#[cfg(target_arch = "x86_64")]
unsafe fn call_on(top: usize, entry: unsafe extern "C" fn(*mut c_void), job: *mut c_void) {
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {entry}",
            "mov rsp, r12",
            top = in(reg) top,
            entry = in(reg) entry,
            in("rdi") job,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}
