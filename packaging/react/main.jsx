import { useKeyslot } from "keyslot/react";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";

const query = new URLSearchParams(location.search);
const options = { host: query.get("host"), session: query.get("session") };

function Connect({ onMount }) {
  const { connect, status, connection, error } = useKeyslot(options);
  const open = () => connect("acme-key", query.get("connection"));
  // What a page should not do, and does: StrictMode runs it twice.
  useEffect(() => {
    if (onMount) void open();
  }, []);
  return (
    <>
      <button onClick={open}>Connect</button>
      <p id="status">{status}</p>
      <output>{connection?.connectionId ?? error?.code}</output>
    </>
  );
}

function App() {
  const [isThere, setThere] = useState(true);
  return (
    <>
      {isThere && <Connect onMount={query.has("on-mount")} />}
      <a href="#away" onClick={() => setThere(false)}>
        Away
      </a>
    </>
  );
}

addEventListener("take-away", () => document.querySelector("a").click());
createRoot(document.getElementById("root")).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
