#!/usr/bin/env node
// The command line's front door: any Node >= 20 may start it, Node 24 runs it.
import { install, isInstalled, launch } from '../scripts/launch.mjs';

if (!isInstalled()) install('The dependencies are not installed yet');
launch('cli/main.ts', process.argv.slice(2));
