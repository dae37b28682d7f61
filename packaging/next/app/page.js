// A server component: both entries are imported while rendering on the server.
import { auth } from "keyslot";
import { AuthError } from "keyslot/nango";
import { Connect } from "./connect.js";

export default function Page() {
  return (
    <main>
      <p id="server">
        {typeof auth} {typeof AuthError}
      </p>
      <Connect />
    </main>
  );
}
