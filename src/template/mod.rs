//! Go text/template with the hermetic sprig functions.
