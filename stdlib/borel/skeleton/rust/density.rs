//! my-density: a banana. x1 ~ N(0, scale^2), and x2 given x1 ~ N(bend * (x1^2 - scale^2), 1): a target written by
//! hand, with its gradient.
//!
//!     ./build.sh                                  builds my-density.so and tests it
//!     borel.infer(borel.density("./my-density.so"), { seed = 1 })          in a script

use std::os::raw::c_void;

#[allow(dead_code, non_camel_case_types, non_snake_case)]
mod borel {
    include!(concat!(env!("BOREL_INCLUDE"), "/borel/plugin.rs"));
}
use borel::*;

/// What a user may set, in this order in `create`.
const PARAM_SCALE: usize = 0;
const PARAM_BEND: usize = 1;
static PARAMS: shared<[borel_param; 3]> = shared([
    real(b"scale\0", 1.0, 1e-100, 1e100, b"standard deviation of x1\0"),
    real(b"bend\0", 0.5, -1e3, 1e3, b"how strongly x2 follows the square of x1\0"),
    NO_PARAM,
]);

/// The coordinates, by name. They have no bounds; a bounded quantity is written here as, say, exp(u), and its
/// log-Jacobian is added to the log-density.
static SITES: shared<[borel_site; 2]> = shared([continuous(b"x1\0", 0, 1), continuous(b"x2\0", 1, 1)]);
static LAYOUT: shared<borel_layout> = shared(borel_layout {
    size: std::mem::size_of::<borel_layout>() as u32,
    id: 0,
    D: 2,
    K: 0,
    site_count: 2,
    sites: SITES.0.as_ptr(),
});

/// An instance: what follows from the parameters. It never changes, so many chains may share it.
struct Banana {
    scale: f64,
    bend: f64,
    constant: f64,
}

impl Banana {
    /// Log-density and gradient. Outside of a support it would be minus infinity.
    fn evaluate(&self, u: &[f64]) -> (f64, [f64; 2]) {
        let x = u[0] / self.scale;
        let rest = u[1] - self.bend * (u[0] * u[0] - self.scale * self.scale);
        let slope = [-x / self.scale + rest * self.bend * 2.0 * u[0], -rest];
        (self.constant - 0.5 * (x * x + rest * rest), slope)
    }
}

unsafe extern "C" fn create(
    _: *const borel_host,
    values: *const borel_value,
    instance: *mut *mut c_void,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let scale = (*values.add(PARAM_SCALE)).number;
        let bend = (*values.add(PARAM_BEND)).number;
        let constant = -(2.0 * std::f64::consts::PI).ln() - scale.ln();
        *instance = Box::into_raw(Box::new(Banana { scale, bend, constant })) as *mut c_void;
        BOREL_OK
    })
}

unsafe extern "C" fn destroy(_: *const borel_host, instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Banana));
}

unsafe extern "C" fn layout(_: *const c_void) -> *const borel_layout {
    &LAYOUT.0
}

unsafe extern "C" fn logdensity(
    instance: *const c_void,
    _: *const *mut c_void,
    u: *const f64,
    _: *const i64,
    value: *mut f64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let banana = &*(instance as *const Banana);
        *value = banana.evaluate(std::slice::from_raw_parts(u, 2)).0;
        BOREL_OK
    })
}

unsafe extern "C" fn gradient(
    instance: *const c_void,
    _: *const *mut c_void,
    u: *const f64,
    _: *const i64,
    value: *mut f64,
    slope: *mut f64,
    error: *mut borel_error,
) -> borel_status {
    guard(error, || {
        let banana = &*(instance as *const Banana);
        let (logdensity, slopes) = banana.evaluate(std::slice::from_raw_parts(u, 2));
        *value = logdensity;
        std::slice::from_raw_parts_mut(slope, 2).copy_from_slice(&slopes);
        BOREL_OK
    })
}

static OPS: shared<borel_density_ops> = shared(borel_density_ops {
    size: std::mem::size_of::<borel_density_ops>() as u32,
    scratch: std::ptr::null(),
    create: Some(create),
    destroy: Some(destroy),
    layout: Some(layout),
    logdensity: Some(logdensity),
    gradient: Some(gradient),
});

static COMPONENT: shared<borel_component> = shared(borel_component {
    size: std::mem::size_of::<borel_component>() as u32,
    kind: BOREL_DENSITY,
    name: text(b"my-density\0"),
    summary: text(b"A banana in two dimensions\0"),
    reference: std::ptr::null(),
    params: PARAMS.0.as_ptr(),
    claims: claims(0, 0, 0),
    ops: &OPS as *const _ as *const c_void,
});

static COMPONENTS: shared<[*const borel_component; 1]> = shared([&COMPONENT as *const _ as *const borel_component]);

#[no_mangle]
pub static borel_plugin_entry: shared<borel_plugin> =
    plugin(b"my-density\0", b"0.1.0\0", b"MIT\0", &COMPONENTS as *const _ as *const _, 1);
