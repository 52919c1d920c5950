//! my-resampler: offspring k has its parent at position (u + k) / count of the cumulated weights, with a new uniform u
//! for each offspring (stratified resampling) or one for all (`shared`, systematic resampling). Either way particle i
//! has count * weights[i] offspring on average.
//!
//!     ./build.sh                                  builds my-resampler.so and tests what it claims
//!     borel.resampler("./my-resampler.so", { shared = true })          in a script

use std::os::raw::c_void;

#[allow(dead_code, non_camel_case_types, non_snake_case)]
mod borel {
    include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs"));
}
use borel::*;

/// What a user may set, in this order in `create`.
const PARAM_SHARED: usize = 0;
static PARAMS: shared<[borel_param; 2]> =
    shared([flag(b"shared\0", false, b"one uniform number for all offspring\0"), NO_PARAM]);

/// An instance: what follows from the parameters. It never changes, so many threads may share it.
struct Strata {
    shared: bool,
}

impl Strata {
    /// Everything random goes through rng, and uniform numbers are only compared: so that `borel validate` can go
    /// through all outcomes. The position of offspring k lies below the end of particle i when u < end - k.
    unsafe fn resample(&self, rng: *mut borel_rng, weights: &[f64], ancestors: &mut [i64]) {
        let ops = &*(*rng).ops;
        let count = ancestors.len();
        let mut u = (ops.unif)(rng);
        let mut end = 0.0; // count times the weights so far
        let mut k = 0;
        let mut last = 0;
        for (i, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            end += count as f64 * weight;
            while k < count && (ops.unif_lt)(rng, &mut u, end - k as f64) != 0 {
                ancestors[k] = i as i64;
                k += 1;
                if !self.shared {
                    u = (ops.unif)(rng);
                }
            }
            last = i as i64;
        }
        ancestors[k..].fill(last); // the weights sum to a little less than 1
    }
}

unsafe extern "C" fn create(
    _: *const borel_host,
    values: *const borel_value,
    instance: *mut *mut c_void,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let strata = Strata { shared: (*values.add(PARAM_SHARED)).number != 0.0 };
        *instance = Box::into_raw(Box::new(strata)) as *mut c_void;
        BOREL_OK
    })
}

unsafe extern "C" fn destroy(_: *const borel_host, instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Strata));
}

unsafe extern "C" fn resample(
    instance: *const c_void,
    _: *const *mut c_void,
    rng: *mut borel_rng,
    n: usize,
    weights: *const f64,
    count: usize,
    ancestors: *mut i64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let strata = &*(instance as *const Strata);
        let weights = std::slice::from_raw_parts(weights, n);
        strata.resample(rng, weights, std::slice::from_raw_parts_mut(ancestors, count));
        BOREL_OK
    })
}

static OPS: shared<borel_resampler_ops> = shared(borel_resampler_ops {
    size: std::mem::size_of::<borel_resampler_ops>() as u32,
    scratch: std::ptr::null(),
    create: Some(create),
    destroy: Some(destroy),
    resample: Some(resample),
});

/// `borel validate` tests each of the claims.
static COMPONENT: shared<borel_component> = shared(borel_component {
    size: std::mem::size_of::<borel_component>() as u32,
    kind: BOREL_RESAMPLER,
    name: text(b"my-resampler\0"),
    summary: text(b"Positions in strata of the cumulated weights\0"),
    reference: text(b"Kitagawa 1996, J. Comput. Graph. Statist. 5:1\0"),
    params: PARAMS.0.as_ptr(),
    claims: claims(BOREL_PRESERVES_MEASURE, BOREL_AT_MOST_MULTINOMIAL, 0),
    ops: &OPS as *const _ as *const c_void,
});

static COMPONENTS: shared<[*const borel_component; 1]> = shared([&COMPONENT as *const _ as *const borel_component]);

#[no_mangle]
pub static borel_plugin_entry: shared<borel_plugin> =
    plugin(b"my-resampler\0", b"0.1.0\0", b"MIT\0", &COMPONENTS as *const _ as *const _, 1);
