// Gives life to the page: every element with data-does="name" gets what does/name.js does.
import { enliven } from "./enliven.js";

enliven(document);
