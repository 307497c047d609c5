use crate::error::Fault;
pub(crate) async fn log_in() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn log_out() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn who_am_i() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn list() -> Result<(), Fault> { Err(Fault::internal()) }
pub(crate) async fn end() -> Result<(), Fault> { Err(Fault::internal()) }
