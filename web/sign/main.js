// Where the file begins: as a page, or as the worker that the page starts with this very script.

import { startPage } from "./page.js";
import { serve } from "./worker.js";

if (typeof document === "undefined") serve(/** @type {any} */ (self));
else startPage();
