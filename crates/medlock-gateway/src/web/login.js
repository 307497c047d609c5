import { ask, passkey, show } from "./client.js";

const alert = document.getElementById("alert");
const form = document.getElementById("password");
const buttons = document.querySelectorAll("button");

async function attempt(work) {
  show(alert, "");
  for (const button of buttons) button.disabled = true;
  try {
    await work();
    location.replace("/account");
  } catch (error) {
    show(alert, error.status === 401 ? "That was not accepted. Check what you typed, or use another way." : error.message);
    for (const button of buttons) button.disabled = false;
  }
}

if (location.hash === "#sso") {
  show(alert, "Single sign-on did not let you in. Use another way, or ask who looks after your access.");
  history.replaceState(null, "", "/login");
}
ask("GET", "/login/methods").then(
  ({ sso }) => (document.getElementById("sso").hidden = !sso),
  (error) => show(alert, error.message),
);

document.getElementById("passkey").addEventListener("click", () =>
  attempt(async () => {
    const { ceremony, public_key } = await ask("POST", "/admin/v1/login/passkey/options");
    const credential = await passkey(public_key);
    await ask("POST", "/admin/v1/login/passkey", { ceremony, credential, session: "cookie" });
  }),
);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { username, password, otp } = Object.fromEntries(new FormData(form));
  attempt(async () => {
    try {
      const code = otp.trim() ? { otp: otp.trim() } : {};
      await ask("POST", "/admin/v1/login", { username: username.trim(), password, ...code, session: "cookie" });
    } finally {
      form.elements.otp.value = "";
    }
  });
});
