//! What each verb of the command line does.

mod approval;
mod audit;
mod audit_erase;
mod audit_export;
mod audit_open;
mod audit_prove;
mod audit_report;
mod audit_search;
mod audit_show;
mod audit_tail;
mod break_glass;
mod check_config;
mod deid;
mod init;
mod key;
mod model;
mod paper;
mod policy;
mod policy_replay;
mod serve;
mod session;
mod token;
mod user;
mod user_leavers;
mod user_recertify;
mod user_review;
mod witness;

use crate::cli::Command;
use crate::config::Whereabouts;
use crate::failure::{Doing, Failure};
use crate::quickstart;
use crate::terminal::Terminal;

pub(crate) use serve::before_anything;

/// What a command is given beside its own arguments.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) terminal: Terminal,
    pub(crate) whereabouts: Whereabouts,
}

/// Runs one.
pub(crate) fn run(command: Command, context: Context) -> Result<(), Failure> {
    match command {
        Command::Quickstart(args) => quickstart::run(args, &context),
        Command::Init(args) => block_on(init::run(args, &context)),
        Command::Serve => serve::run(&context),
        Command::CheckConfig => check_config::run(&context),
        Command::Model(verb) => block_on(model::run(verb, &context)),
        Command::Audit(verb) => audit::run(verb, &context),
        Command::Witness(verb) => witness::run(verb, &context),
        Command::Deid(args) => deid::run(*args, &context),
        Command::User(verb) => block_on(user::run(verb, &context)),
        Command::Token(verb) => block_on(token::run(verb, &context)),
        Command::Policy(verb) => block_on(policy::run(verb, &context)),
        Command::Approval(verb) => block_on(approval::run(verb, &context)),
        Command::BreakGlass(verb) => block_on(break_glass::run(verb, &context)),
        Command::Session(verb) => block_on(session::run(verb, &context)),
        Command::Key(verb) => key::run(&verb, &context),
        Command::Completions { shell } => paper::completions(shell, context.terminal),
        Command::Man { dir } => paper::man(&dir, context.terminal),
    }
}

/// Runs on a runtime of its own. TLS to anywhere needs the process' provider first.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // Only fails when it is installed already.
    let _already = medlock_gateway::provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().doing("starting the runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    done
}
