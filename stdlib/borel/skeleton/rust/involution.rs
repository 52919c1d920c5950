//! my-involution: one number becomes two, `low` = x - scale v and `high` = x + scale v with an auxiliary v, or two become
//! one: the middle, and half of their distance over scale.
//!
//!     ./build.sh                                  builds my-involution.so and tests that it is an involution
//!     rep.involutive { auxiliary = ..., involution = borel.involution("./my-involution.so", { scale = 1 }) }
//!                                             in a script, for a model with the sites "two" and "x", or "two", "low"
//!                                             and "high"; names = function(trace, aux) gives others

use std::os::raw::c_void;

#[allow(dead_code, non_camel_case_types, non_snake_case)]
mod borel {
    include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs"));
}
use borel::*;

/// What a user may set, in this order in `create`.
const PARAM_SCALE: usize = 0;
static PARAMS: shared<[borel_param; 2]> =
    shared([real(b"scale\0", 1.0, 1e-100, 1e100, b"half of the distance where v is 1\0"), NO_PARAM]);

/// The sides, and their numbers in the order in which `map` meets them: those of the trace, then the auxiliary ones.
const ONE: u32 = 0;
const TWO: borel_field = borel_field { name: text(b"two\0"), dtype: BOREL_BOOL, dim: [0; 3], doc: text(b"the side\0") };
static MIDDLE: shared<[borel_field; 3]> = shared([TWO, scalar(b"x\0", b"the middle\0"), NO_FIELD]);
static DRAWN: shared<[borel_field; 2]> = shared([scalar(b"v\0", b"half of the distance over scale\0"), NO_FIELD]);
static BOTH: shared<[borel_field; 4]> = shared([TWO, scalar(b"low\0", b"\0"), scalar(b"high\0", b"\0"), NO_FIELD]);

/// An instance: what follows from the parameters. It never changes, so many threads may share it.
struct Split {
    scale: f64,
}

impl Split {
    /// x, v to low, high and back.
    fn map(&self, side: u32, a: f64, b: f64) -> (f64, f64) {
        if side == ONE {
            (a - self.scale * b, a + self.scale * b)
        } else {
            (0.5 * (a + b), 0.5 * (b - a) / self.scale)
        }
    }

    /// The determinant of d(low, high) / d(x, v) is 2 scale. Without this function Borel takes differences.
    fn log_jacobian(&self, side: u32) -> f64 {
        let value = (2.0 * self.scale).ln();
        if side == ONE { value } else { -value }
    }
}

unsafe extern "C" fn create(
    _: *const borel_host,
    values: *const borel_value,
    instance: *mut *mut c_void,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let split = Split { scale: (*values.add(PARAM_SCALE)).number };
        *instance = Box::into_raw(Box::new(split)) as *mut c_void;
        BOREL_OK
    })
}

unsafe extern "C" fn destroy(_: *const borel_host, instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Split));
}

/// BOREL_REJECT says that the move does not apply there.
unsafe extern "C" fn map(
    instance: *const c_void,
    side: u32,
    input: *const f64,
    output: *mut f64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        if *input != side as f64 {
            return BOREL_REJECT;
        }
        let (a, b) = (*(instance as *const Split)).map(side, *input.add(1), *input.add(2));
        *output = 1.0 - *input;
        *output.add(1) = a;
        *output.add(2) = b;
        BOREL_OK
    })
}

unsafe extern "C" fn log_jacobian(
    instance: *const c_void,
    side: u32,
    _: *const f64,
    value: *mut f64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        *value = (*(instance as *const Split)).log_jacobian(side);
        BOREL_OK
    })
}

/// `borel validate` applies the map twice and compares the log-Jacobian with differences.
static OPS: shared<borel_involution_ops> = shared(borel_involution_ops {
    size: std::mem::size_of::<borel_involution_ops>() as u32,
    trace: [&MIDDLE as *const _ as *const borel_field, &BOTH as *const _ as *const borel_field],
    auxiliary: [&DRAWN as *const _ as *const borel_field, std::ptr::null()],
    create: Some(create),
    destroy: Some(destroy),
    map: Some(map),
    log_jacobian: Some(log_jacobian),
    draw: None,
});

static COMPONENT: shared<borel_component> = shared(borel_component {
    size: std::mem::size_of::<borel_component>() as u32,
    kind: BOREL_INVOLUTION,
    name: text(b"my-involution\0"),
    summary: text(b"One number or two\0"),
    reference: text(b"Green 1995, Biometrika 82:711\0"),
    params: PARAMS.0.as_ptr(),
    claims: claims(0, 0, 0),
    ops: &OPS as *const _ as *const c_void,
});

static COMPONENTS: shared<[*const borel_component; 1]> = shared([&COMPONENT as *const _ as *const borel_component]);

#[no_mangle]
pub static borel_plugin_entry: shared<borel_plugin> =
    plugin(b"my-involution\0", b"0.1.0\0", b"MIT\0", &COMPONENTS as *const _ as *const _, 1);
