import { ask, newPasskey, now, passkey, show } from "./client.js";

const by = (id) => document.getElementById(id);
const alert = by("alert");
const moment = (iso) => (iso ? new Date(iso).toLocaleString() : "never");

let me;

function element(tag, content, attributes = {}) {
  const made = document.createElement(tag);
  made.append(content);
  return Object.assign(made, attributes);
}

function action(label, of, work) {
  const button = element("button", label, { type: "button", ariaLabel: `${label} ${of}` });
  button.addEventListener("click", () => attempt(work));
  return button;
}

function rows(table, items) {
  const body = by(table).tBodies[0];
  body.replaceChildren(...items.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => element("td", cell)));
    return row;
  }));
  if (!items.length) body.append(element("tr", element("td", "none", { colSpan: 4 })));
}

async function refresh() {
  me = await ask("GET", "/admin/v1/whoami");
  const factor = me.second_factor ? (me.second_factor_fresh ? "shown, just now" : "shown") : "not shown";
  const facts = [
    ["User name", me.username],
    ["Id", me.user],
    ["Roles", me.roles.join(", ")],
    ["Second factor", factor],
  ];
  by("who").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  const passkeys = (await ask("GET", "/admin/v1/passkeys")).data;
  rows("passkeys", passkeys.map((p) => [
    p.name,
    moment(p.created),
    moment(p.last_used),
    action("Remove", p.name, () => fresh(() => ask("DELETE", `/admin/v1/passkeys/${p.id}`))),
  ]));
  const sessions = (await ask("GET", "/admin/v1/sessions")).data.filter((s) => s.user === me.user);
  rows("sessions", sessions.map((s) => [
    moment(s.created),
    moment(s.last_seen),
    moment(s.expires),
    s.id === me.session ? "this one" : action("End", moment(s.created), () => ask("DELETE", `/admin/v1/sessions/${s.id}`)),
  ]));
  tick();
}

async function attempt(work) {
  show(alert, "");
  try {
    await work();
    await refresh();
  } catch (error) {
    if (error.status === 401) return leave();
    if (error.message) show(alert, error.message);
  }
}

function leave() {
  location.replace("/login");
}

// Does something that may want a second factor that was shown just now.
async function fresh(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code !== "step_up_required") throw error;
    await stepUp();
    return work();
  }
}

function stepUp() {
  const dialog = by("step-up");
  const form = by("step-up-code");
  const failed = by("step-up-alert");
  show(failed, "");
  form.reset();
  return new Promise((done, cancelled) => {
    const proven = async (proof) => {
      show(failed, "");
      try {
        await ask("POST", "/admin/v1/step-up", await proof());
        dialog.close("done");
      } catch (error) {
        if (error.status === 401) return leave();
        show(failed, error.status === 404 ? "You have no passkey yet: use a code." : error.message);
      }
    };
    by("step-up-passkey").onclick = () => proven(async () => {
      const { ceremony, public_key } = await ask("POST", "/admin/v1/step-up/options");
      return { ceremony, credential: await passkey(public_key) };
    });
    form.onsubmit = (event) => {
      event.preventDefault();
      proven(async () => ({ otp: new FormData(form).get("otp").trim() }));
    };
    by("step-up-cancel").onclick = () => dialog.close("");
    dialog.onclose = () => (dialog.returnValue === "done" ? done() : cancelled(new Error("")));
    dialog.returnValue = "";
    dialog.showModal();
  });
}

// Signed out without use: said beforehand.
function tick() {
  if (!me) return;
  const left = Math.round((Date.parse(me.expires) - now()) / 1000);
  if (left <= 0) return leave();
  by("expires").textContent = `signed out at ${new Date(Date.parse(me.expires) - (now() - Date.now())).toLocaleTimeString()} unless you do something`;
  const warning = by("warning");
  warning.hidden = left > 60;
  if (left <= 60) warning.firstElementChild.textContent = `You will be signed out in ${left} seconds.`;
}
setInterval(tick, 1000);

by("stay").addEventListener("click", () => attempt(async () => {}));
ask("GET", "/login/methods").then(({ sso }) => (by("step-up-sso").hidden = !sso), () => {});
by("log-out").addEventListener("click", async () => {
  try {
    await ask("POST", "/admin/v1/logout");
  } catch {
    // It is over, or will be.
  }
  leave();
});
by("add-passkey").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const name = new FormData(form).get("name");
  attempt(async () => {
    const { ceremony, public_key } = await fresh(() => ask("POST", "/admin/v1/passkeys/options"));
    const credential = await newPasskey(public_key);
    await ask("POST", "/admin/v1/passkeys", { ceremony, name, credential });
    form.reset();
  });
});
by("recovery").addEventListener("click", () => attempt(async () => {
  const { recovery_codes } = await fresh(() => ask("POST", "/admin/v1/recovery-codes"));
  by("codes").querySelector("pre").textContent = recovery_codes.join("\n");
  by("codes").hidden = false;
}));
attempt(async () => {});
