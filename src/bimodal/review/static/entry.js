// Exchanges the token of the address for a cookie. The part after # is never sent to a server or stored in its logs.

const state = document.getElementById("state");
const token = new URLSearchParams(location.hash.slice(1)).get("token");

const enter = async () => {
  if (token) {
    const answer = await fetch("/api/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    if (!answer.ok) {
      state.textContent = `This address does not open the page: ${(await answer.json()).detail}.`;
      return;
    }
    history.replaceState(null, "", location.pathname);
    location.reload();
  } else if ((await fetch("/api/session")).ok) location.reload(); // the cookie is not sent with links of other pages
};
enter().catch(() => (state.textContent = "The server does not answer."));
addEventListener("hashchange", () => location.reload()); // the address was pasted over the bare one
