//! my-kernel: random-walk Metropolis. It proposes u' = u + scale * e with e standard normal, and accepts with
//! probability min(1, pi(u') / pi(u)). The proposal is symmetric, so this gives detailed balance. The scale is tuned
//! in the warm-up to an acceptance of 0.234 (Roberts, Gelman and Gilks 1997), 0.44 in one dimension.
//!
//!     ./build.sh                                  builds my-kernel.so and tests what it claims
//!     borel run model.lua --kernel ./my-kernel.so

use std::os::raw::c_void;
use std::slice::{from_raw_parts, from_raw_parts_mut};

#[allow(dead_code, non_camel_case_types, non_snake_case)]
mod borel {
    include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs"));
}
use borel::*;

/// What a user may set, in this order in `create`.
const PARAM_SCALE: usize = 0;
static PARAMS: shared<[borel_param; 2]> = shared([
    real(b"scale\0", 1.0, 1e-100, 1e100, b"standard deviation of a move, before the warm-up tunes it\0"),
    NO_PARAM,
]);

/// What the warm-up tunes: the host keeps it, writes it to checkpoints, and lends it to each call.
const TUNE_SCALE: usize = 0;
const TUNE_AVERAGING: usize = 1;
static TUNING: shared<[borel_field; 3]> = shared([
    scalar(b"scale\0", b"standard deviation of a move\0"),
    vector(b"averaging\0", 6, b"dual averaging of the scale\0"),
    NO_FIELD,
]);

/// Room for one call; it holds nothing from one call to the next.
const SCRATCH_U: usize = 0;
static SCRATCH: shared<[borel_field; 2]> = shared([vector(b"u\0", BOREL_DIM_D, b"proposal\0"), NO_FIELD]);

/// What a step tells: numbers that are kept with each draw.
const INFO_ACCEPT: usize = 0;
const INFO_STEP_SIZE: usize = 1;
static INFO: shared<[borel_field; 3]> = shared([
    scalar(b"accept\0", b"probability with which the proposal was accepted\0"),
    scalar(b"step_size\0", b"standard deviation of the move\0"),
    NO_FIELD,
]);

/// An instance: what follows from the parameters. It never changes, so many chains may share it.
struct Walk {
    scale: f64,
}

unsafe extern "C" fn create(
    _: *const borel_host,
    values: *const borel_value,
    instance: *mut *mut c_void,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let walk = Walk { scale: (*values.add(PARAM_SCALE)).number };
        *instance = Box::into_raw(Box::new(walk)) as *mut c_void;
        BOREL_OK
    })
}

unsafe extern "C" fn destroy(_: *const borel_host, instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Walk));
}

/// Before the first step: start values of the tuning.
unsafe extern "C" fn warm(
    instance: *const c_void,
    context: *const borel_context,
    _: *mut borel_target,
    _: *mut borel_point,
    tuned: *const *mut c_void,
    _: *mut borel_error,
) -> borel_status {
    let walk = &*(instance as *const Walk);
    *(*tuned.add(TUNE_SCALE) as *mut f64) = walk.scale;
    ((*(*(*context).host).dual_averaging).restart)(*tuned.add(TUNE_AVERAGING) as *mut f64, walk.scale);
    BOREL_OK
}

/// One transition. Everything random goes through the context's rng, and decisions through accept: so that
/// `borel validate` can go through all of their outcomes.
unsafe extern "C" fn step(
    _: *const c_void,
    context: *const borel_context,
    target: *mut borel_target,
    point: *mut borel_point,
    info: *mut f64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let host = &*(*context).host;
        let rng = (*context).rng;
        let random = &*(*rng).ops;
        let d = (*point).D;
        if d == 0 {
            return fail(error, BOREL_ARG, "my-kernel: nothing is continuous, so there is nothing to move");
        }
        let status = (host.evaluate)(target, point, BOREL_LOGDENSITY, error); // costs nothing when known
        if status == BOREL_REJECT {
            return fail(error, BOREL_DOMAIN, "my-kernel: the current point is outside the support");
        }
        if status != BOREL_OK {
            return status;
        }

        let scale = *(*(*context).tuning.add(TUNE_SCALE) as *const f64);
        let u = from_raw_parts_mut(*(*context).scratch.add(SCRATCH_U) as *mut f64, d);
        (random.fill_normal)(rng, u.as_mut_ptr(), 1, d);
        for (to, from) in u.iter_mut().zip(from_raw_parts((*point).u, d)) {
            *to = from + scale * *to;
        }
        let mut logdensity = f64::NEG_INFINITY;
        let evaluate = (*(*target).ops).logdensity.expect("every target has a log-density");
        match evaluate(target, (*point).layout, u.as_ptr(), (*point).z, &mut logdensity, error) {
            BOREL_OK => {}
            BOREL_REJECT => logdensity = f64::NEG_INFINITY,
            BOREL_DOMAIN => {
                fail(error, BOREL_OK, ""); // a NaN there: a proposal to refuse
                logdensity = f64::NEG_INFINITY;
            }
            other => return other, // anything else ends the run
        }

        let log_ratio = logdensity - (*point).logdensity;
        if (random.accept)(rng, log_ratio) != 0 {
            (host.move_u)(point, u.as_ptr());
            (host.know)(point, logdensity, std::ptr::null()); // saves the next step an evaluation
        }
        *info.add(INFO_ACCEPT) = if log_ratio > 0.0 { 1.0 } else { log_ratio.exp() };
        *info.add(INFO_STEP_SIZE) = scale;
        BOREL_OK
    })
}

/// After each step of the warm-up.
unsafe extern "C" fn adapt(
    _: *const c_void,
    context: *const borel_context,
    _: *mut borel_target,
    point: *mut borel_point,
    info: *const f64,
    tuned: *const *mut c_void,
    _: *mut borel_error,
) -> borel_status {
    let averaging = &*(*(*context).host).dual_averaging;
    let phase = &*(*context).phase;
    let scale = *tuned.add(TUNE_SCALE) as *mut f64;
    let state = *tuned.add(TUNE_AVERAGING) as *mut f64;
    let wanted = if (*point).D > 1 { 0.234 } else { 0.44 };
    *scale = (averaging.update)(state, *info.add(INFO_ACCEPT), wanted);
    if phase.iteration + 1 == phase.warmup {
        *scale = (averaging.finish)(state);
    }
    BOREL_OK
}

static OPS: shared<borel_kernel_ops> = shared(borel_kernel_ops {
    size: std::mem::size_of::<borel_kernel_ops>() as u32,
    tuning: TUNING.0.as_ptr(),
    state: std::ptr::null(),
    scratch: SCRATCH.0.as_ptr(),
    info: INFO.0.as_ptr(),
    create: Some(create),
    destroy: Some(destroy),
    begin: None,
    warm: Some(warm),
    step: Some(step),
    adapt: Some(adapt),
    step_batch: None,
    fields: None,
});

/// `borel validate` tests each of the claims.
static COMPONENT: shared<borel_component> = shared(borel_component {
    size: std::mem::size_of::<borel_component>() as u32,
    kind: BOREL_KERNEL,
    name: text(b"my-kernel\0"),
    summary: text(b"Random-walk Metropolis with a tuned scale\0"),
    reference: text(b"Metropolis et al. 1953, J. Chem. Phys. 21:1087\0"),
    params: PARAMS.0.as_ptr(),
    claims: claims(BOREL_PRESERVES_MEASURE, BOREL_REVERSIBLE | BOREL_ERGODIC | BOREL_FIXED_LAYOUT | BOREL_LEAVES_Z, 0),
    ops: &OPS as *const _ as *const c_void,
});

static COMPONENTS: shared<[*const borel_component; 1]> = shared([&COMPONENT as *const _ as *const borel_component]);

#[no_mangle]
pub static borel_plugin_entry: shared<borel_plugin> =
    plugin(b"my-kernel\0", b"0.1.0\0", b"MIT\0", &COMPONENTS as *const _ as *const _, 1);
