// The worker of the pages that verify.

import { answerTasks } from "./answer_tasks.js";

answerTasks();
