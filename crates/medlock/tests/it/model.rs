//! Models that a site brings: signed, promoted, put back, taken out.

use crate::support::{Serving, medlock, models};
use std::fs;
use std::path::Path;

fn line_with<'o>(out: &'o str, what: &str) -> &'o str {
    out.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} is not in\n{out}"))
}

#[test]
fn a_model_of_ones_own_is_loaded_when_it_is_signed_and_promoted() {
    let Some(shipped) = models() else { return };
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    medlock(data, "", &["init"]).code(0);
    let file = shipped.join("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let key = |name: &str| medlock(data, "", &["key", "signer", name, data.to_str().unwrap()]).code(0).out;
    let (ada, grace) = (key("ada"), key("grace"));
    let import = |file: &Path, note: &str| {
        let about = ["--licence", "Apache-2.0", "--source", "our share", "--use", "summaries", "--note", note];
        let args = ["model", "import", file.to_str().unwrap(), "--name", "site-1", "--key", &path("ada.key")];
        medlock(data, "", &[&args[..], &about].concat())
    };
    // What is no model is not taken, and leaves nothing behind.
    fs::write(data.join("no.gguf"), "GGUF, or so it says").unwrap();
    assert!(import(&data.join("no.gguf"), "x").code(2).err.contains("GGUF"));
    let brought = import(&file, "not evaluated").code(0).out;
    let first = brought.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(first.len(), 64);
    assert!(import(&file, "two\nlines").code(2).err.contains("one line"));
    assert_eq!(fs::read_dir(data.join("models")).unwrap().count(), 1, "what was not kept leaves nothing");

    let promote = |version: &str| medlock(data, "", &["model", "promote", "site-1", version]);
    assert!(promote(&first).code(1).err.contains("set [model] signers"));
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap();
    let settings = |more: &str| fs::write(&config, format!("{text}\nsigners = {:?}\n{more}", path("signers"))).unwrap();
    fs::write(data.join("signers"), format!("{ada}{grace}")).unwrap();
    settings("signatures = 2\n");
    assert!(promote(&first).code(1).err.contains("1 of 2 have signed: ada"));
    medlock(data, "", &["model", "sign", "site-1", "--key", &path("grace.key")]).code(0);
    promote(&first[..12]).code(0);
    assert!(line_with(&medlock(data, "", &["model", "list"]).code(0).out, "site-1").contains("promoted"));
    settings("");

    // Another version: one byte of the weights.
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let other = data.join("other.gguf");
    fs::write(&other, &bytes).unwrap();
    let second = import(&other, "another").code(0).out.trim().rsplit(' ').next().unwrap().to_owned();
    promote("").code(1);
    promote(&second).code(0);
    let verified = |name: &str| medlock(data, "", &["model", "verify", name]);
    assert!(verified("site-1").code(0).out.contains(&second));
    medlock(data, "", &["model", "rollback", "site-1"]).code(0);
    assert!(verified("site-1").code(0).out.contains(&first));
    medlock(data, "", &["model", "rollback", "site-1"]).code(1);
    medlock(data, "", &["model", "quarantine", "site-1", &second]).code(0);
    assert!(!medlock(data, "", &["model", "list"]).code(0).out.contains(&second));
    promote(&second).code(1);

    // It serves, under its name; and what is changed on disk does not.
    let named = fs::read_to_string(&config).unwrap().replace("smollm2-135m-instruct", "site-1");
    let named = if named.contains("\"site-1\"") { named } else { format!("{named}\nname = \"site-1\"\n") };
    fs::write(&config, named.replace("127.0.0.1:8443", "127.0.0.1:0")).unwrap();
    let mut server = Serving::start(data, &["serve"], "serving");
    assert!(medlock(data, "", &["model", "rollback", "site-1"]).code(2).err.contains("server"));
    assert_eq!(server.stop("-TERM"), 0);
    let loaded = medlock(data, "", &["audit", "show", "--kind", "model_loaded"]).code(0).out;
    assert!(loaded.contains("site-1") && loaded.contains(&first), "{loaded}");
    let done = medlock(data, "", &["audit", "show", "--kind", "admin_outcome"]).code(0).out;
    for verb in ["promote_model", "roll_back_model", "quarantine_model"] {
        assert!(line_with(&done, verb).contains("weights="), "{done}");
    }
    let weights = data.join(format!("models/site-1/versions/{first}.gguf"));
    fs::write(&weights, &bytes).unwrap();
    let refused = medlock(data, "", &["serve"]).code(1).err;
    assert!(refused.contains("site-1") && refused.contains("SHA-256"), "{refused}");
    assert!(!weights.exists(), "it was moved aside");

    // Nor does what somebody else says of it.
    let note = data.join(format!("models/site-1/versions/{first}.note"));
    let signed = fs::read_to_string(&note).unwrap();
    fs::write(&note, signed.replace("use summaries", "use diagnoses")).unwrap();
    assert!(medlock(data, "", &["serve"]).code(1).err.contains("not signed as it has to be"));
}
