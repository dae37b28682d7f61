//! stub
/// s
#[derive(Clone, Copy)]
pub enum Surface { /// l
 Light, /// d
 Dark }
/// c
#[derive(Clone, Copy)]
pub struct Rgb(pub u8, pub u8, pub u8);
impl Rgb { /// c
 #[must_use] pub fn to_css(self) -> String { String::new() } }
/// a
pub struct Accent { /// f
 pub fill: Rgb, /// o
 pub on_fill: Rgb, /// r
 pub ring: Rgb, /// t
 pub text: Rgb }
impl Accent { /// o
 #[must_use] pub fn of(_c: &str, _s: Surface) -> Option<Accent> { None } }
