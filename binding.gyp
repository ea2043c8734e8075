# SPDX-License-Identifier: MIT
# The addon: ring code, system calls, and their Node-API surface; and vmbus-freezer and vmbus-keeper, programs of their own that
# have nothing of Node in them. Built by scripts/build-native.mjs.
# `sanitize` is none, address (with undefined), thread or undefined.
{
  "variables": { "sanitize%": "none" },
  "targets": [
    {
      "target_name": "vmbus",
      "dependencies": ["<!(node -p \"require('node-addon-api').targets\"):node_addon_api"],
      "sources": [
        "<!@(node -p \"['core', 'os', 'binding'].flatMap((part) => require('fs').readdirSync('native/' + part).filter((name) => name.endsWith('.cc')).sort().map((name) => 'native/' + part + '/' + name)).join(' ')\")"
      ],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_REQUIRE_BASIC_FINALIZERS"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      # As system headers: the warnings below are for our own code.
      "cflags_cc": [
        "-isystem<!(node -p \"require('path').dirname(require.resolve('node-addon-api'))\")",
        "-isystem<(node_root_dir)/include/node",
        "-std=c++20",
        "-fvisibility=hidden",
        "-fno-exceptions",
        "-fno-rtti",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wshadow",
        "-Wconversion",
        "-ffile-prefix-map=<(module_root_dir)=."
      ],
      "ldflags": ["-Wl,-z,nodelete", "-Wl,-Bsymbolic", "-Wl,--exclude-libs,ALL"],
      "conditions": [
        ["sanitize=='none'", { "cflags_cc": ["-O3", "-g1"] }],
        ["sanitize=='address'", {
          "cflags_cc": ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=address,undefined"]
        }],
        ["sanitize=='undefined'", {
          "cflags_cc": ["-fsanitize=undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=undefined"]
        }],
        ["sanitize=='thread'", {
          "cflags_cc": ["-fsanitize=thread", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=thread"]
        }]
      ]
    },
    {
      "target_name": "vmbus-freezer",
      "type": "executable",
      "sources": [
        "<!@(node -p \"require('fs').readdirSync('native/freezer').filter((name) => name.endsWith('.cc')).sort().map((name) => 'native/freezer/' + name).join(' ')\")"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": [
        "-std=c++20",
        "-fPIE",
        "-fno-exceptions",
        "-fno-rtti",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wshadow",
        "-Wconversion",
        "-ffile-prefix-map=<(module_root_dir)=."
      ],
      "ldflags!": ["-rdynamic"],
      # Bound when it starts: while a file system is frozen nothing is to be looked up. It needs the C library alone.
      "ldflags": ["-pie", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,--as-needed"],
      "conditions": [
        ["sanitize=='none'", { "cflags_cc": ["-O2", "-g1"] }],
        ["sanitize=='address'", {
          "cflags_cc": ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=address,undefined"]
        }],
        ["sanitize=='undefined'", {
          "cflags_cc": ["-fsanitize=undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=undefined"]
        }],
        ["sanitize=='thread'", {
          "cflags_cc": ["-fsanitize=thread", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=thread"]
        }]
      ]
    },
    {
      "target_name": "vmbus-keeper",
      "type": "executable",
      "sources": [
        "<!@(node -p \"require('fs').readdirSync('native/keeper').filter((name) => name.endsWith('.cc')).sort().map((name) => 'native/keeper/' + name).join(' ')\")"
      ],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-O3"],
      "cflags_cc": [
        "-std=c++20",
        "-fPIE",
        "-fno-exceptions",
        "-fno-rtti",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Wshadow",
        "-Wconversion",
        "-ffile-prefix-map=<(module_root_dir)=."
      ],
      "ldflags!": ["-rdynamic"],
      # It needs the C library alone.
      "ldflags": ["-pie", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,--as-needed"],
      "conditions": [
        ["sanitize=='none'", { "cflags_cc": ["-O2", "-g1"] }],
        ["sanitize=='address'", {
          "cflags_cc": ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=address,undefined"]
        }],
        ["sanitize=='undefined'", {
          "cflags_cc": ["-fsanitize=undefined", "-fno-sanitize=vptr", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=undefined"]
        }],
        ["sanitize=='thread'", {
          "cflags_cc": ["-fsanitize=thread", "-fno-omit-frame-pointer", "-O1", "-g"],
          "ldflags": ["-fsanitize=thread"]
        }]
      ]
    }
  ]
}
