// @ts-check
// The page of an unknown address.

import { initPage } from "./frame.js";
import { LiveSocket } from "./live-socket.js";

new LiveSocket(); // of the status
initPage();
