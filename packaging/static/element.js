// Only what the test passes in the address; a page writes attributes.
const query = new URLSearchParams(location.search);
const button = document.querySelector("keyslot-connect");
button.setAttribute("host", query.get("host"));
button.setAttribute("connection", query.get("connection"));
button.options = { session: query.get("session") };
button.addEventListener("keyslot-connected", (event) => {
  document.querySelector("output").textContent = event.detail.connectionId;
});
