import { mount } from "svelte";

import "./app.css";
import App from "./App.svelte";
import { connection } from "./state/connection.svelte";

connection.start();
const target = document.getElementById("app");
if (target !== null) mount(App, { target });
