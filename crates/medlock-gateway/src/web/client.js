// The API of this server, as its pages use it.

export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// The server's clock against the browser's, in milliseconds.
let ahead = 0;
export const now = () => Date.now() + ahead;

export async function ask(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? {} : { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, "unreachable", "The server does not answer. Try again.");
  }
  const date = Date.parse(response.headers.get("date"));
  if (!Number.isNaN(date)) ahead = date - Date.now();
  const answer = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Refused(response.status, answer.error.code, answer.error.message);
  return answer;
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (list) => list?.map((item) => ({ ...item, id: bytes(item.id) }));

function credential(made, fields) {
  const response = Object.fromEntries(fields.filter((f) => made.response[f]).map((f) => [f, text(made.response[f])]));
  return { id: made.id, rawId: text(made.rawId), type: made.type, response };
}

// What an authenticator answers to `public_key` of a ceremony.
export async function newPasskey(asked) {
  const publicKey = {
    ...asked,
    challenge: bytes(asked.challenge),
    user: { ...asked.user, id: bytes(asked.user.id) },
    excludeCredentials: named(asked.excludeCredentials),
  };
  const made = await authenticator(() => navigator.credentials.create({ publicKey }));
  return credential(made, ["attestationObject", "clientDataJSON"]);
}

export async function passkey(asked) {
  const publicKey = { ...asked, challenge: bytes(asked.challenge), allowCredentials: named(asked.allowCredentials) };
  const made = await authenticator(() => navigator.credentials.get({ publicKey }));
  return credential(made, ["authenticatorData", "clientDataJSON", "signature", "userHandle"]);
}

async function authenticator(work) {
  if (!window.PublicKeyCredential) throw new Error("This browser knows no passkeys.");
  try {
    return await work();
  } catch (error) {
    const said = {
      NotAllowedError: "No passkey was used: it was cancelled, took too long, or there is none for this site.",
      InvalidStateError: "This device has a passkey of yours already.",
      SecurityError: "Passkeys work only under the address that this server was set up with (login.origin).",
    };
    throw new Error(said[error.name] ?? "The passkey could not be used.");
  }
}

export function show(place, message) {
  place.textContent = message;
  place.hidden = !message;
}
