// Requests to the server. A request that writes is repeated until the server answers, so that no decision is lost.

const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
export const emotions = meta("emotions").split(" ").filter(Boolean);
export const fingerprint = meta("data");
let csrf = meta("csrf");

/** An answer of the server that is no success; `status` is 0 if there was no answer. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const answerOf = async (path, options) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Refused(0, "the server does not answer");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const detail = await answer.json().then(
    (body) => body.detail,
    () => `status ${answer.status}`,
  );
  throw new Refused(answer.status, detail);
};

/** Read JSON. Empty values are left out of the query. */
export const read = (path, query = {}, signal = undefined) => {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  const text = new URLSearchParams(given).toString();
  return answerOf(text ? `${path}?${text}` : path, { signal });
};

/** Send JSON, or a Blob as it is. */
export const write = async (path, body = {}, repeated = false) => {
  const isBlob = body instanceof Blob;
  const headers = { "X-CSRF-Token": csrf, "Content-Type": isBlob ? body.type || "application/octet-stream" : "application/json" };
  try {
    return await answerOf(path, { method: "POST", headers, body: isBlob ? body : JSON.stringify(body) });
  } catch (error) {
    if (error.status !== 403 || repeated) throw error;
    const session = await read("/api/session"); // the server has been started again
    if (session.csrf === csrf) throw error;
    csrf = session.csrf;
    return write(path, body, true);
  }
};

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Send JSON, and wait for a server that does not answer or is not ready; `waiting` is called with the reason. */
export const writeSurely = async (path, body, waiting = () => {}) => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await write(path, body);
    } catch (error) {
      if (![0, 401, 503, 507].includes(error.status)) throw error;
      waiting(error);
      await pause(Math.min(500 * 1.6 ** attempt, 5000));
    }
  }
};

/** The address of a picture; it names the data, so that the browser never shows one of other data. */
export const picture = (row, kind) => `/api/faces/${row}/${kind}.jpg?v=${fingerprint}`;
