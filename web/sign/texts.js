// Every sentence of the file that signs, by language and name. What stands in { } is put in by say.js.

import { EN } from "./texts_en.js";
import { ES } from "./texts_es.js";

export const TEXTS = { en: EN, es: ES };
