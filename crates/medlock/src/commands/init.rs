//! `medlock init`.

use super::Context;
use crate::cli::Init;
use crate::failure::Failure;
use crate::init;
use crate::installation::Installation;
use crate::layout::Layout;
use crate::prompt;
use crate::show;
use serde_json::json;

/// Makes the data directory.
pub(crate) async fn run(args: Init, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    if context.whereabouts.config.is_some() {
        return Err(Failure::error("init writes medlock.toml into the data directory: name that with --data-dir"));
    }
    let layout = Layout::new(context.whereabouts.data_dir());
    let root = layout.root().display().to_string();
    let lock = init::directory(&layout)?;
    if layout.config().exists() {
        return Err(Failure::denied(format!("{root} is set up already; nothing was changed")));
    }
    let given = args.password_file.as_deref().map(|f| prompt::new_secret("password", Some(f))).transpose()?;
    let made_up = given.is_none();
    let password = given.unwrap_or_else(init::made_up_password);
    let (keys, _) = init::keys(&layout)?;
    init::certificates(&layout, &args.names)?;
    init::audit_log(&layout, &keys)?;
    let (settings, _) = init::settings(&context.whereabouts, &layout, init::CONFIG)?;
    let installation = Installation::open(&settings).await?;
    let enrolled = init::administrator(&installation, &args.admin, password.clone()).await;
    installation.close().await?;
    let enrolled = enrolled?;
    init::write_config(&layout, init::CONFIG)?;
    drop(lock);

    if terminal.json {
        terminal.json(json!({
            "data_dir": root,
            "administrator": enrolled.as_ref().map(|e| json!({
                "username": args.admin.as_str(),
                "password": made_up.then(|| password.expose()),
                "totp_secret": e.secret.as_str(),
                "otpauth_url": e.otpauth_url.as_str(),
                "recovery_codes": e.codes(),
            })),
        }));
        return Ok(());
    }
    terminal.out(format!("{} is set up.", terminal.bold(&root)));
    match enrolled {
        None => terminal.out("There are people in it already, so no administrator was made."),
        Some(factor) => {
            terminal.out(terminal.bold("\nThe first administrator, shown this once:"));
            terminal.out(format!("  user      {}", args.admin));
            if made_up {
                terminal.out(format!("  password  {}", password.expose()));
            }
            show::factor(terminal, &factor.otpauth_url, &factor.secret, &factor.codes());
        }
    }
    terminal.out(terminal.bold("\nNext:"));
    let flag = format!("--data-dir {root}");
    for (n, line) in [
        format!("medlock model pull {flag}"),
        format!("medlock serve {flag}"),
        format!("medlock session login {} {flag}", args.admin),
        format!("medlock user add NAME --role clinician {flag}"),
        format!("medlock token create NAME --owner NAME --role clinician --purpose treatment {flag}"),
        format!(
            "move {} to the people who may read what the log holds, off this machine",
            layout.reading_key().display()
        ),
    ]
    .iter()
    .enumerate()
    {
        terminal.out(format!("  {}. {line}", n + 1));
    }
    Ok(())
}
