"use client";

import { useKeyslot } from "keyslot/react";

export function Connect() {
  const { connect, status, connection, error } = useKeyslot();
  const open = () => {
    const query = new URLSearchParams(location.search);
    void connect("acme-key", query.get("connection"), { host: query.get("host"), session: query.get("session") });
  };
  return (
    <>
      <button onClick={open}>Connect</button>
      <p id="status">{status}</p>
      <output>{connection?.connectionId ?? error?.message}</output>
    </>
  );
}
