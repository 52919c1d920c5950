// SPDX-License-Identifier: MIT
// borel/plugin.rs - borel/plugin.h in Rust, with no crates: `include!` it into a module of a cdylib.
//
//     #[allow(dead_code)]
//     mod borel { include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs")); }
//
// Names and meanings are those of borel/plugin.h, which says who owns what and who may call what. A test compares
// the size of each struct and the offset of each member with those of C. Two things are Rust's own: `guard`, which
// keeps panics inside, and `shared`, which lets constants hold pointers.

use std::os::raw::{c_char, c_int, c_uint, c_void};

pub const BOREL_ABI: u32 = 1;
pub const BOREL_KERNEL: *const c_char = b"kernel/1\0".as_ptr() as *const c_char;
pub const BOREL_DENSITY: *const c_char = b"density/1\0".as_ptr() as *const c_char;
pub const BOREL_RESAMPLER: *const c_char = b"resampler/1\0".as_ptr() as *const c_char;
pub const BOREL_INVOLUTION: *const c_char = b"involution/1\0".as_ptr() as *const c_char;

pub type borel_status = u32;
pub const BOREL_OK: u32 = 0;
pub const BOREL_REJECT: u32 = 1;
pub const BOREL_DOMAIN: u32 = 2;
pub const BOREL_ARG: u32 = 3;
pub const BOREL_IO: u32 = 4;
pub const BOREL_CANCELLED: u32 = 5;
pub const BOREL_INTERNAL: u32 = 6;

#[repr(C)]
pub struct borel_error {
    pub code: borel_status,
    pub message: [c_char; 1000],
}

pub const BOREL_F64: u32 = 0;
pub const BOREL_F32: u32 = 1;
pub const BOREL_I64: u32 = 2;
pub const BOREL_BOOL: u32 = 3;

pub const BOREL_DIM_D: i32 = -1;
pub const BOREL_DIM_K: i32 = -2;
pub const BOREL_DIM_N: i32 = -3;
pub const BOREL_DIM_V: i32 = -4;
pub const fn borel_dim_param(i: i32) -> i32 {
    -100 - i
}

#[repr(C)]
pub struct borel_field {
    pub name: *const c_char,
    pub dtype: u32,
    pub dim: [i32; 3],
    pub doc: *const c_char,
}

pub const BOREL_REAL: u32 = 0;
pub const BOREL_INT: u32 = 1;
pub const BOREL_FLAG: u32 = 2;
pub const BOREL_CHOICE: u32 = 3;
pub const BOREL_REALS: u32 = 4;

#[repr(C)]
pub struct borel_param {
    pub name: *const c_char,
    pub r#type: u32,
    pub number: f64,
    pub min: f64,
    pub max: f64,
    pub choices: *const c_char,
    pub required: i32,
    pub unit: *const c_char,
    pub doc: *const c_char,
}

#[repr(C)]
pub struct borel_value {
    pub number: f64,
    pub reals: *const f64,
    pub count: usize,
    pub reserved: [*const c_void; 2],
}

pub const BOREL_SITE_U: u32 = 0;
pub const BOREL_SITE_Z: u32 = 1;

#[repr(C)]
pub struct borel_site {
    pub name: *const c_char,
    pub block: u32,
    pub offset: usize,
    pub size: usize,
    pub lowest: i64,
    pub count: i64,
    pub reserved: [*const c_void; 2],
}

#[repr(C)]
pub struct borel_layout {
    pub size: u32,
    pub id: u32,
    pub D: usize,
    pub K: usize,
    pub site_count: usize,
    pub sites: *const borel_site,
}

pub const BOREL_LOGDENSITY: u32 = 1;
pub const BOREL_GRADIENT: u32 = 2;
pub const BOREL_SPLIT: u32 = 4;

#[repr(C)]
pub struct borel_point {
    pub size: u32,
    pub layout: u32,
    pub D: usize,
    pub K: usize,
    pub u: *const f64,
    pub z: *const i64,
    pub valid: u32,
    pub logdensity: f64,
    pub prior: f64,
    pub likelihood: f64,
    pub gradient: *const f64,
    pub version: u64,
}

#[repr(C)]
pub struct borel_target {
    pub ops: *const borel_target_ops,
}

#[repr(C)]
pub struct borel_target_ops {
    pub size: u32,
    pub layout: Option<unsafe extern "C" fn(*mut borel_target, u32) -> *const borel_layout>,
    pub logdensity: Option<
        unsafe extern "C" fn(*mut borel_target, u32, *const f64, *const i64, *mut f64, *mut borel_error) -> borel_status,
    >,
    pub gradient: Option<
        unsafe extern "C" fn(
            *mut borel_target,
            u32,
            *const f64,
            *const i64,
            *mut f64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub split: Option<
        unsafe extern "C" fn(
            *mut borel_target,
            u32,
            *const f64,
            *const i64,
            *mut f64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub batch: Option<
        unsafe extern "C" fn(
            *mut borel_target,
            u32,
            usize,
            *const f64,
            *const i64,
            *mut f64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub minibatch: Option<
        unsafe extern "C" fn(
            *mut borel_target,
            u32,
            *const f64,
            *const i64,
            *const i64,
            usize,
            *mut f64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub independent: Option<unsafe extern "C" fn(*mut borel_target, u32, usize) -> usize>,
    pub conditional: Option<
        unsafe extern "C" fn(
            *mut borel_target,
            u32,
            *const f64,
            *const i64,
            usize,
            usize,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
}

#[repr(C)]
pub struct borel_unif {
    pub low: f64,
    pub high: f64,
    pub value: f64,
}

#[repr(C)]
pub struct borel_rng {
    pub ops: *const borel_rng_ops,
    pub error: *mut borel_error,
    pub status: borel_status,
    pub reserved: u32,
}

#[repr(C)]
pub struct borel_rng_ops {
    pub size: u32,
    pub accept: unsafe extern "C" fn(*mut borel_rng, f64) -> c_int,
    pub direction: unsafe extern "C" fn(*mut borel_rng) -> c_int,
    pub bernoulli: unsafe extern "C" fn(*mut borel_rng, f64) -> c_int,
    pub categorical: unsafe extern "C" fn(*mut borel_rng, *const f64, usize) -> usize,
    pub categorical_log: unsafe extern "C" fn(*mut borel_rng, *const f64, usize) -> usize,
    pub uniform_int: unsafe extern "C" fn(*mut borel_rng, u64) -> u64,
    pub unif: unsafe extern "C" fn(*mut borel_rng) -> borel_unif,
    pub unif_lt: unsafe extern "C" fn(*mut borel_rng, *mut borel_unif, f64) -> c_int,
    pub uniform: unsafe extern "C" fn(*mut borel_rng) -> f64,
    pub normal: unsafe extern "C" fn(*mut borel_rng) -> f64,
    pub exponential: unsafe extern "C" fn(*mut borel_rng) -> f64,
    pub gamma: unsafe extern "C" fn(*mut borel_rng, f64) -> f64,
    pub beta: unsafe extern "C" fn(*mut borel_rng, f64, f64) -> f64,
    pub poisson: unsafe extern "C" fn(*mut borel_rng, f64) -> u64,
    pub binomial: unsafe extern "C" fn(*mut borel_rng, u64, f64) -> u64,
    pub fill_uniform: unsafe extern "C" fn(*mut borel_rng, *mut f64, usize, usize),
    pub fill_normal: unsafe extern "C" fn(*mut borel_rng, *mut f64, usize, usize),
}

#[repr(C)]
pub struct borel_phase {
    pub size: u32,
    pub iteration: u64,
    pub warmup: u64,
    pub total: u64,
    pub warming: i32,
    pub slow: i32,
    pub window_end: i32,
    pub reserved: u32,
    pub lanes: u64,
}

#[repr(C)]
pub struct borel_dual_averaging {
    pub size: u32,
    pub restart: unsafe extern "C" fn(*mut f64, f64),
    pub update: unsafe extern "C" fn(*mut f64, f64, f64) -> f64,
    pub finish: unsafe extern "C" fn(*const f64) -> f64,
}

#[repr(C)]
pub struct borel_welford {
    pub size: u32,
    pub reset: unsafe extern "C" fn(*mut f64, *mut f64, *mut f64, usize),
    pub add: unsafe extern "C" fn(*mut f64, *mut f64, *mut f64, usize, *const f64),
    pub variance: unsafe extern "C" fn(*const f64, *const f64, usize, *mut f64),
}

#[repr(C)]
pub struct borel_metric {
    pub D: usize,
    pub rank: usize,
    pub scale: *const f64,
    pub root: *const f64,
    pub directions: *const f64,
    pub stretch: *const f64,
    pub reserved: [*const f64; 2],
}

pub const BOREL_METRIC_LOW_RANK: u32 = 0;
pub const BOREL_METRIC_FISHER: u32 = 1;
pub const BOREL_METRIC_VARIANCE: u32 = 2;
pub const BOREL_METRIC_DENSE: u32 = 3;
pub const BOREL_METRIC_WORDS: *const c_char = b"low_rank|fisher|variance|dense\0".as_ptr() as *const c_char;

#[repr(C)]
pub struct borel_place {
    pub u: *mut f64,
    pub gradient: *mut f64,
    pub momentum: *mut f64,
    pub force: *mut f64,
    pub logdensity: f64,
    pub energy: f64,
    pub index: i64,
    pub nan: i32,
    pub reserved: u32,
}

#[repr(C)]
pub struct borel_hamiltonian_options {
    pub size: u32,
    pub metric: u32,
    pub step_size: f64,
    pub target_accept: f64,
}

#[repr(C)]
pub struct borel_hamiltonian_news {
    pub size: u32,
    pub informative: i32,
    pub accept: f64,
    pub symmetric: f64,
}

pub const BOREL_HAMILTONIAN_FIELDS: u32 = 16;

#[repr(C)]
pub struct borel_hamiltonian {
    pub size: u32,
    pub fields: unsafe extern "C" fn(u32, usize, *mut borel_field),
    pub metric: unsafe extern "C" fn(u32, usize, *const *const c_void, *mut borel_metric),
    pub push: unsafe extern "C" fn(*const borel_metric, f64, *const f64, *const f64, *mut f64),
    pub pull: unsafe extern "C" fn(*const borel_metric, *const f64, *mut f64),
    pub load: unsafe extern "C" fn(
        *mut borel_target,
        *mut borel_point,
        *const borel_metric,
        *mut borel_place,
        *mut borel_error,
    ) -> borel_status,
    pub refresh: unsafe extern "C" fn(*mut borel_rng, *const borel_metric, *mut borel_place),
    pub drift: unsafe extern "C" fn(
        *mut borel_target,
        *const borel_point,
        *const borel_metric,
        *const borel_place,
        *const f64,
        f64,
        *mut borel_place,
        *mut borel_error,
    ) -> borel_status,
    pub leapfrog: unsafe extern "C" fn(
        *mut borel_target,
        *const borel_point,
        *const borel_metric,
        *const borel_place,
        f64,
        *mut borel_place,
        *mut borel_error,
    ) -> borel_status,
    pub start: unsafe extern "C" fn(
        *const borel_hamiltonian_options,
        *const borel_context,
        *mut borel_target,
        *mut borel_point,
        *const *mut c_void,
        *mut f64,
        *mut borel_error,
    ) -> borel_status,
    pub adapt: unsafe extern "C" fn(
        *const borel_hamiltonian_options,
        *const borel_context,
        *mut borel_target,
        *mut borel_point,
        *const borel_hamiltonian_news,
        *const *mut c_void,
        *mut f64,
        *mut borel_error,
    ) -> borel_status,
}

pub const BOREL_LOG_DEBUG: u32 = 0;
pub const BOREL_LOG_INFO: u32 = 1;
pub const BOREL_LOG_WARN: u32 = 2;

pub const BOREL_NODES: u32 = 16;

#[repr(C)]
pub struct borel_quadrature {
    pub size: u32,
    pub phi: unsafe extern "C" fn(c_uint, f64) -> f64,
    pub derivative: unsafe extern "C" fn(usize, *const f64, f64, c_uint, *mut f64),
    pub exponential: unsafe extern "C" fn(usize, *const f64, f64, f64, f64, *mut f64),
    pub weighted: unsafe extern "C" fn(
        usize,
        *const f64,
        f64,
        f64,
        Option<unsafe extern "C" fn(*const c_void, f64) -> f64>,
        *const c_void,
        *mut f64,
    ),
    pub solve: unsafe extern "C" fn(usize, *mut f64, *mut f64) -> c_int,
}

#[repr(C)]
pub struct borel_elementary {
    pub size: u32,
    pub exp: unsafe extern "C" fn(usize, *const f64, *mut f64),
    pub log: unsafe extern "C" fn(usize, *const f64, *mut f64),
    pub log1p: unsafe extern "C" fn(usize, *const f64, *mut f64),
}

#[repr(C)]
pub struct borel_host {
    pub size: u32,
    pub fail: unsafe extern "C" fn(*mut borel_error, borel_status, *const c_char, ...) -> borel_status,
    pub log: unsafe extern "C" fn(u32, *const c_char, ...),
    pub allocate: unsafe extern "C" fn(usize, usize) -> *mut c_void,
    pub release: unsafe extern "C" fn(*mut c_void),
    pub evaluate: unsafe extern "C" fn(*mut borel_target, *mut borel_point, u32, *mut borel_error) -> borel_status,
    pub move_u: unsafe extern "C" fn(*mut borel_point, *const f64),
    pub move_z: unsafe extern "C" fn(*mut borel_point, usize, i64),
    pub know: unsafe extern "C" fn(*mut borel_point, f64, *const f64),
    pub dual_averaging: *const borel_dual_averaging,
    pub welford: *const borel_welford,
    pub hamiltonian: *const borel_hamiltonian,
    pub quadrature: *const borel_quadrature,
    pub elementary: *const borel_elementary,
}

pub const BOREL_PRESERVES_MEASURE: u32 = 1;
pub const BOREL_PRESERVES_SCALE: u32 = 2;
pub const BOREL_PRESERVES_ASYMPTOTIC: u32 = 3;
pub const BOREL_PRESERVES_ORDER: u32 = 4;
pub const BOREL_REVERSIBLE: u32 = 1;
pub const BOREL_ERGODIC: u32 = 2;
pub const BOREL_FIXED_LAYOUT: u32 = 4;
pub const BOREL_LEAVES_Z: u32 = 8;
pub const BOREL_FLOOR_CEILING: u32 = 16;
pub const BOREL_AT_MOST_MULTINOMIAL: u32 = 32;
pub const BOREL_LEAVES_U: u32 = 64;
pub const BOREL_CHECK_MATRIX: u32 = 1;
pub const BOREL_CHECK_ORBIT: u32 = 2;
pub const BOREL_CHECK_ISOKINETIC: u32 = 4;
pub const BOREL_CHECK_ELLIPSE: u32 = 8;

#[repr(C)]
pub struct borel_claims {
    pub preserves: u32,
    pub order: f64,
    pub flags: u32,
    pub checks: u32,
    pub note: *const c_char,
    pub reserved: [*const c_void; 2],
}

#[repr(C)]
pub struct borel_component {
    pub size: u32,
    pub kind: *const c_char,
    pub name: *const c_char,
    pub summary: *const c_char,
    pub reference: *const c_char,
    pub params: *const borel_param,
    pub claims: borel_claims,
    pub ops: *const c_void,
}

#[repr(C)]
pub struct borel_plugin {
    pub abi: u32,
    pub size: u32,
    pub param_size: u32,
    pub field_size: u32,
    pub id: *const c_char,
    pub version: *const c_char,
    pub licence: *const c_char,
    pub component_count: usize,
    pub components: *const *const borel_component,
}

#[repr(C)]
pub struct borel_context {
    pub size: u32,
    pub host: *const borel_host,
    pub rng: *mut borel_rng,
    pub phase: *const borel_phase,
    pub tuning: *const *const c_void,
    pub state: *const *mut c_void,
    pub scratch: *const *mut c_void,
    pub scale: *const f64,
}

pub type borel_create =
    unsafe extern "C" fn(*const borel_host, *const borel_value, *mut *mut c_void, *mut borel_error) -> borel_status;
pub type borel_destroy = unsafe extern "C" fn(*const borel_host, *mut c_void);

#[repr(C)]
pub struct borel_kernel_ops {
    pub size: u32,
    pub tuning: *const borel_field,
    pub state: *const borel_field,
    pub scratch: *const borel_field,
    pub info: *const borel_field,
    pub create: Option<borel_create>,
    pub destroy: Option<borel_destroy>,
    pub begin: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const borel_context,
            *mut borel_target,
            *mut borel_point,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub warm: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const borel_context,
            *mut borel_target,
            *mut borel_point,
            *const *mut c_void,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub step: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const borel_context,
            *mut borel_target,
            *mut borel_point,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub adapt: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const borel_context,
            *mut borel_target,
            *mut borel_point,
            *const f64,
            *const *mut c_void,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub step_batch: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const borel_context,
            *mut borel_target,
            usize,
            *const *mut borel_point,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub fields: Option<unsafe extern "C" fn(*const c_void) -> *const borel_field>,
}

#[repr(C)]
pub struct borel_density_ops {
    pub size: u32,
    pub scratch: *const borel_field,
    pub create: Option<borel_create>,
    pub destroy: Option<borel_destroy>,
    pub layout: Option<unsafe extern "C" fn(*const c_void) -> *const borel_layout>,
    pub logdensity: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const *mut c_void,
            *const f64,
            *const i64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
    pub gradient: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const *mut c_void,
            *const f64,
            *const i64,
            *mut f64,
            *mut f64,
            *mut borel_error,
        ) -> borel_status,
    >,
}

#[repr(C)]
pub struct borel_resampler_ops {
    pub size: u32,
    pub scratch: *const borel_field,
    pub create: Option<borel_create>,
    pub destroy: Option<borel_destroy>,
    pub resample: Option<
        unsafe extern "C" fn(
            *const c_void,
            *const *mut c_void,
            *mut borel_rng,
            usize,
            *const f64,
            usize,
            *mut i64,
            *mut borel_error,
        ) -> borel_status,
    >,
}

#[repr(C)]
pub struct borel_involution_ops {
    pub size: u32,
    pub trace: [*const borel_field; 2],
    pub auxiliary: [*const borel_field; 2],
    pub create: Option<borel_create>,
    pub destroy: Option<borel_destroy>,
    pub map: Option<unsafe extern "C" fn(*const c_void, u32, *const f64, *mut f64, *mut borel_error) -> borel_status>,
    pub log_jacobian:
        Option<unsafe extern "C" fn(*const c_void, u32, *const f64, *mut f64, *mut borel_error) -> borel_status>,
    pub draw:
        Option<unsafe extern "C" fn(*const c_void, u32, *mut borel_rng, *mut f64, *mut borel_error) -> borel_status>,
}

/// A constant that holds pointers to other constants: threads may share it, since nobody writes to it.
#[repr(transparent)]
pub struct shared<T>(pub T);
unsafe impl<T> Sync for shared<T> {}

/// Text for C: `text(b"name\0")`; the zero at its end is checked when it is compiled.
pub const fn text(bytes: &'static [u8]) -> *const c_char {
    assert!(bytes[bytes.len() - 1] == 0, "text for C ends with \\0");
    bytes.as_ptr() as *const c_char
}

/// Fills `error` and returns `code`.
pub unsafe fn fail(error: *mut borel_error, code: borel_status, message: &str) -> borel_status {
    (*error).code = code;
    let room = (*error).message.len() - 1;
    for (i, byte) in message.bytes().take(room).chain(std::iter::once(0)).enumerate() {
        (*error).message[i] = byte as c_char;
    }
    code
}

/// Runs an op; a panic becomes BOREL_INTERNAL, since nothing may unwind into C.
pub unsafe fn guard<F: FnOnce() -> borel_status>(error: *mut borel_error, op: F) -> borel_status {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(op)) {
        Ok(status) => status,
        Err(_) => fail(error, BOREL_INTERNAL, "a panic in Rust code"),
    }
}

pub const NO_FIELD: borel_field =
    borel_field { name: std::ptr::null(), dtype: BOREL_F64, dim: [0; 3], doc: std::ptr::null() };

pub const fn scalar(name: &'static [u8], doc: &'static [u8]) -> borel_field {
    borel_field { name: text(name), dtype: BOREL_F64, dim: [0; 3], doc: text(doc) }
}

pub const fn vector(name: &'static [u8], extent: i32, doc: &'static [u8]) -> borel_field {
    borel_field { name: text(name), dtype: BOREL_F64, dim: [extent, 0, 0], doc: text(doc) }
}

pub const NO_PARAM: borel_param = borel_param {
    name: std::ptr::null(),
    r#type: BOREL_REAL,
    number: 0.0,
    min: 0.0,
    max: 0.0,
    choices: std::ptr::null(),
    required: 0,
    unit: std::ptr::null(),
    doc: std::ptr::null(),
};

pub const fn real(name: &'static [u8], number: f64, min: f64, max: f64, doc: &'static [u8]) -> borel_param {
    borel_param {
        name: text(name),
        r#type: BOREL_REAL,
        number,
        min,
        max,
        choices: std::ptr::null(),
        required: 0,
        unit: std::ptr::null(),
        doc: text(doc),
    }
}

pub const fn claims(preserves: u32, flags: u32, checks: u32) -> borel_claims {
    borel_claims { preserves, order: 0.0, flags, checks, note: std::ptr::null(), reserved: [std::ptr::null(); 2] }
}

pub const fn flag(name: &'static [u8], on: bool, doc: &'static [u8]) -> borel_param {
    borel_param {
        name: text(name),
        r#type: BOREL_FLAG,
        number: if on { 1.0 } else { 0.0 },
        min: 0.0,
        max: 1.0,
        choices: std::ptr::null(),
        required: 0,
        unit: std::ptr::null(),
        doc: text(doc),
    }
}

/// The entry of a plugin: `#[no_mangle] pub static borel_plugin_entry: shared<borel_plugin> = plugin(...)`.
pub const fn plugin(
    id: &'static [u8],
    version: &'static [u8],
    licence: &'static [u8],
    components: *const *const borel_component,
    component_count: usize,
) -> shared<borel_plugin> {
    shared(borel_plugin {
        abi: BOREL_ABI,
        size: std::mem::size_of::<borel_plugin>() as u32,
        param_size: std::mem::size_of::<borel_param>() as u32,
        field_size: std::mem::size_of::<borel_field>() as u32,
        id: text(id),
        version: text(version),
        licence: text(licence),
        component_count,
        components,
    })
}

/// A site of continuous coordinates, at its offset in u.
pub const fn continuous(name: &'static [u8], offset: usize, size: usize) -> borel_site {
    borel_site {
        name: text(name),
        block: BOREL_SITE_U,
        offset,
        size,
        lowest: 0,
        count: 0,
        reserved: [std::ptr::null(); 2],
    }
}
