// The page where there is nothing.

import { beginPage } from "./frame.js";

beginPage();
