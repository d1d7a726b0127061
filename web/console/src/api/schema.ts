// Generated from openapi.json by scripts/schema.mjs; do not edit.
export interface paths {
    "/api/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** List the accounts. */
        get: operations["list_accounts"];
        put?: never;
        /** Add an account. */
        post: operations["add_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change an account's role, scope, company or name, or disable or enable it; its sessions end. */
        post: operations["change_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Set a new password, which must be changed at the next sign-in; all sessions of the account end. */
        post: operations["set_account_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}/second-factor/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Delete another account's second factor and end its sessions: its authenticator is lost. */
        post: operations["reset_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The open sessions of an account, the newest first. */
        get: operations["account_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}/sessions/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End one session of an account, or all of them. */
        post: operations["end_account_sessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/{account}/unlock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let an account try again that has to wait after wrong passwords. */
        post: operations["unlock_account"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/accounts/villages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The villages that a scope may name: whoever manages the accounts need not see cameras. */
        get: operations["villages_of_scopes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alert-live/{ticket}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Live fragments of a camera near an open alert, for 30 s. */
        get: operations["alert_live_socket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Alerts, newest first; patrol officers see only those that were dispatched. */
        get: operations["list_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One alert with its steps, its trail, and the cameras on which its subject can be seen next. */
        get: operations["alert_detail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take an alert: the officer is on the way. */
        post: operations["acknowledge_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/answer": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report the result of an alert. */
        post: operations["answer_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/arrive": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say that the officer who took the alert is there. */
        post: operations["arrive_at_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where an alert is, and the cameras near it that the officer may watch while it is open. */
        get: operations["alert_cameras"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close an alert: a true alarm, a false one, or a duplicate. */
        post: operations["close_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Dispatch an alert to the patrol officers, or reject it. */
        post: operations["confirm_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/decline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say that the officer cannot come; the alert goes to others at once. */
        post: operations["decline_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/live": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a ticket for 30 s of a camera near an open alert; the alert and its case are the reason in the audit row. */
        post: operations["alert_live_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/photo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a photo (a JPEG or PNG as the body) to an own alert; it is re-encoded without its metadata. */
        post: operations["add_alert_photo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/photos": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The photos of an alert, oldest first. */
        get: operations["alert_photos"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/photos/{photo}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A photo of an alert; needs a stated purpose once nobody has to act on the alert any more. */
        get: operations["alert_photo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/recall": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take back an alert within 60 s of its dispatch; it disappears from the patrol officers' phones. */
        post: operations["recall_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/snooze": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a new alert be silent for at most 15 minutes; it then rings again by itself. */
        post: operations["snooze_alert"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of what was seen; needs a stated purpose once the alert is answered or rejected. */
        get: operations["alert_thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/trail/{entry}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of a later sighting; needs a stated purpose once nobody has to act on the alert any more. */
        get: operations["trail_thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/{alert}/units": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The units for an alert: free ones on duty first, the nearest first; unknown positions come last. */
        get: operations["offered_units"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/alerts/figures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How fast alerts of the last days reached people, and how often they were right. */
        get: operations["alert_figures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The audit trail, newest first, and whether its hash chain is intact. */
        get: operations["read_audit_trail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Cameras that many accounts looked at in the last days, the most viewed first. */
        get: operations["camera_viewers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/duties": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who runs the system, who manages the accounts, who audits. */
        get: operations["duties"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The selected rows as CSV, at most 50,000, newest first. The export itself is audited. */
        get: operations["export_audit_trail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bookmarks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Bookmarks of some cameras, oldest first, at most 500. */
        get: operations["list_bookmarks"];
        put?: never;
        /** Mark a moment of a camera's recording; needs a stated purpose. */
        post: operations["add_bookmark"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/bookmarks/{bookmark}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a bookmark of one's own; an approver also those of others. */
        delete: operations["delete_bookmark"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/briefing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The subjects of the watch list that are looked for now in the officer's villages, newest first. */
        get: operations["briefing"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/briefing/{subject}/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of an example of a subject that is looked for now; the subject itself is the reason in the audit row. */
        get: operations["briefing_picture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One page of the cameras with the columns of their checklist. */
        get: operations["list_cameras"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One camera's file (一机一档): address, device, profile, streams, faults. */
        get: operations["camera_file"];
        put?: never;
        /** Change fields of a camera's file; returns those that changed. History and audit trail keep both values. */
        post: operations["edit_camera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/acceptance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record acceptance facts of a camera; `picture` keeps its newest picture as its field of view. */
        post: operations["fill"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/acceptance/{part}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Picture of the field of view or of the sign; needs a stated purpose, except for the second signer. */
        get: operations["acceptance_picture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/credential": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a camera its credential: one that exists, or a user name and password for it alone. */
        post: operations["set_camera_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Changes of a camera's file with time and actor, newest first. */
        get: operations["camera_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm a camera's new address, at which it was discovered or to which the station followed it. */
        post: operations["move"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/neighbours": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The nearest cameras with direction and arrival window on foot, on two wheels and in a vehicle. */
        get: operations["neighbours"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/position": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say where a camera stands and what it covers; its file's history and the audit trail keep the change. */
        post: operations["place_camera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who controls a camera's PTZ, and its presets. */
        get: operations["ptz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz/home": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move back to the guard position. */
        post: operations["go_to_guard_position"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz/keep": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Save the present position as a preset. */
        post: operations["keep_preset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move with a speed; repeat each second while the button is held. */
        post: operations["move_ptz"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz/preset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move to a preset. */
        post: operations["go_to_preset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/ptz/stop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stop the movement. */
        post: operations["stop_ptz"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/replace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record that another device is installed there now (after a repair); it will be identified anew. */
        post: operations["replace"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/retire": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a camera out of use, or back into use; its footage and history stay. */
        post: operations["retire_camera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Store a photo of the sign at the camera (a JPEG or PNG as the body); it is re-encoded without metadata. */
        post: operations["sign"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/{camera}/snapshot": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of the newest picture, or of a recorded moment; with watermark a full-size file; needs a stated purpose. */
        get: operations["camera_snapshot"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cameras/import": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Preview a list of cameras (CSV), or add them: all or none. What the registry has stays as it is. */
        post: operations["import_list_of_cameras"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest 200 cases. */
        get: operations["list_cases"];
        put?: never;
        /** Open a case of a village. */
        post: operations["open_case"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cases/{case}/alerts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest 200 alerts of a case's subjects, newest first. */
        get: operations["case_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/cases/{case}/close": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close a case whose subjects are off the watch list. */
        post: operations["close_case"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/clips": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Download a range, not re-encoded; needs a stated purpose and a reason. The audit row precedes the first byte. */
        post: operations["download_clip"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/clips/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What a clip would contain: recorded spans, gaps with causes, bytes, and whether it exceeds a limit. */
        post: operations["preview_clip"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contacts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One's own contacts, and the channels that the station has. */
        get: operations["own_contacts"];
        put?: never;
        /** Set or change a contact. The old address is told and used for 24 hours more; needs a fresh one-time code. */
        post: operations["change_contact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contacts/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Send a test message to each of one's own contacts, once a minute at most. */
        post: operations["test_contacts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contacts/withdraw": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Withdraw a contact; it is told and used for 24 hours more. Needs a fresh one-time code. */
        post: operations["withdraw_contact"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This company's orders: open ones, and those closed within 30 days. */
        get: operations["own_orders"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders/{order}/cost": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enter or correct the cost of an own order while the station still shows it. */
        post: operations["own_cost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders/{order}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move an own order: work begun, waiting for parts, repaired, or refused with a reason. */
        post: operations["own_step"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders/{order}/photo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a photo of the repair (a JPEG or PNG as the body); it is re-encoded without its metadata. */
        post: operations["add_photo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders/{order}/photos/{photo}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A photo of an own order. */
        get: operations["own_photo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contractor/orders/{order}/still": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The picture that shows the fault: 192 pixels wide, private areas covered. Every view leaves an audit row. */
        get: operations["still"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/credentials": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The credentials by name; an account of some villages gets those that its cameras use. */
        get: operations["list_credentials"];
        put?: never;
        /** Add a credential, or change its user name and password; cameras that refused it are tried again. */
        post: operations["set_credential"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/duty": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the officer is on duty, and his unit. */
        get: operations["own_duty"];
        put?: never;
        /** Begin or end one's duty; repeating it changes nothing. */
        post: operations["change_own_duty"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/duty/position": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Tell where the officer is; only on duty, at most every 5 s, kept for 24 h. */
        post: operations["report_position"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events as they happen, resumed after the id given as `?after=` (at most the newest thousand). */
        get: operations["event_socket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/{fault}/inspections/{inspection}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The picture of an inspection of the fault's camera; needs a stated purpose. */
        get: operations["inspection_picture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/{fault}/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The picture that opened the fault; needs a stated purpose. */
        get: operations["fault_picture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/{fault}/reference": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A good picture of the same camera for comparison; needs a stated purpose. */
        get: operations["fault_reference"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/{fault}/week": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the inspections of the last seven days found on the fault's camera, and its references by day and night. */
        get: operations["fault_week"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report a fault with the picture of the moment; it joins patrol's list and is judged like others. */
        post: operations["report_fault"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/faults/verdict": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Record a person's verdict on faults. */
        post: operations["verdict"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/favourites": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Ids of the account's favourite cameras. */
        get: operations["list_favourites"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/favourites/{camera}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Make a camera a favourite of the account. */
        put: operations["add_favourite"];
        post?: never;
        /** Take a camera off the account's favourites. */
        delete: operations["remove_favourite"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/findings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Open findings, newest first: exposed services, refused credentials, clones, unknown devices, wrong clocks. */
        get: operations["open_findings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/findings/{finding}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close a finding with a reason: it is known and accepted. */
        post: operations["accept_finding"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/holds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Holds on the account's cameras, newest first, with the footage that each protects. */
        get: operations["list_holds"];
        put?: never;
        /** Hold a camera's footage: retention does not delete it. */
        post: operations["add_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/holds/{hold}/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Release a hold; retention applies to its footage again. */
        post: operations["release_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/holds/{hold}/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Renew a hold after a review; it lasts the given number of days from now. */
        post: operations["renew_hold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/inventory/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Apply what changed in an inventory file since one was last applied. */
        post: operations["apply_inventory"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/inventory/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The registry as an inventory file, without passwords. Audited. */
        post: operations["export_inventory"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/inventory/plan": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What applying an inventory file would change; changes nothing. */
        post: operations["plan_inventory"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/judgements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The candidates of the stated purpose, newest judgement first. */
        get: operations["candidates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/live/{ticket}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Live fragments of the ticket's stream. */
        get: operations["live_socket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/live/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Get a ticket to open one live socket within 30 s; needs a stated purpose. */
        post: operations["live_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/maintenance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Maintenance that is running or planned. */
        get: operations["list_maintenance"];
        put?: never;
        /** Start maintenance now, for some hours: findings on the camera or village are no faults meanwhile. */
        post: operations["begin_maintenance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/maintenance/{number}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End maintenance before its time. */
        post: operations["end_maintenance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/map/aerial": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The aerial picture of the town. */
        get: operations["map_aerial"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/map/cameras": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the cameras in use stand and what they cover, of those whose position is known. */
        get: operations["map_cameras"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/map/layers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the map can show: layers, the aerial picture, and a background service if the settings name one. */
        get: operations["map_layers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/map/layers/{layer}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One layer in GeoJSON. Boundaries without a file are those of the registry, of the account's villages. */
        get: operations["map_layer"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The signed-in account and its permissions. */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every camera's checklist, what its acceptance lacks, and discovered devices that are not in the registry. */
        get: operations["overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm what another person proposed, for several cameras. Cameras that lack something are skipped. */
        post: operations["accept"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding/adopt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a discovered device to the registry as a camera of a village. */
        post: operations["adopt"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding/identify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start identifying cameras: the given ones, a village's, or all. */
        post: operations["identify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding/propose": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign first for several cameras; another person must confirm. Cameras that lack something are skipped. */
        post: operations["propose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/onboarding/survey": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a survey of the network for devices; progress comes as events. */
        post: operations["survey"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** This OpenAPI document. */
        get: operations["describe_api"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Work orders, newest first; the open ones unless `state` or `over` says otherwise. */
        get: operations["list_orders"];
        put?: never;
        /** Create orders for faults: one per camera, and one for an up-link with all its cameras. */
        post: operations["create_orders"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One work order with its notes, photos and faults. */
        get: operations["order_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order}/cost": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Enter or correct the cost of a repair, also of a closed order. */
        post: operations["set_order_cost"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/{order}/photos/{photo}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A photo that the contractor took of the repair; needs a stated purpose once the order is closed. */
        get: operations["order_photo"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/orders/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Move one or several orders to another state; all of them or none. "assigned" names a company of the list. */
        post: operations["move_orders"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The newest round, and open or closed faults, newest first. */
        get: operations["patrol"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/day": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The day's patrol register as it was signed, or as it would be signed now. */
        get: operations["day_register"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/day/sign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign the day's register. */
        post: operations["sign_day"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/day/supplement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign a supplement to a day's register, with what became known after it was signed. */
        post: operations["supplement_day"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/figures": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures of complete days, newest first: of the town, of villages, vendors or sponsors. */
        get: operations["day_figures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/figures/{camera}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One camera's figures of the last thirty days, with its faults by cause. */
        get: operations["camera_figures"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/review": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Draw a review, with the machine's miss rate from the reviews of the last 30 days; needs a stated purpose. */
        get: operations["draw"];
        put?: never;
        /** Give a verdict on one camera of the review. */
        post: operations["judge_camera"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/patrol/rounds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Request a patrol round now, of all cameras or of some. */
        post: operations["ask_for_round"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/people": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Name of each account that shares a village with one's own, also of disabled ones: what they did remains. */
        get: operations["people"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/{kind}/coverage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Recorded spans and gaps of a time range, gaps with their cause. */
        get: operations["coverage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/{kind}/index.m3u8": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** HLS playlist over the segment files; needs a stated purpose. */
        get: operations["playlist"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/{kind}/segment/{segment}.mp4": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Bytes of a segment file (with Range); needs this session's playlist of that time and a stated purpose. */
        get: operations["segment_file"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/{kind}/segment/{segment}/{part}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A segment's keyframes, its init segment, or a range without sound; needs this session's playlist of that time. */
        get: operations["segment_part"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/{kind}/strip": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Times of keyframes spread over a range, for a strip of thumbnails (each from /snapshot?at=…). */
        get: operations["strip"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of the keyframe at or before a time; one audit row per camera and half an hour. Needs a stated purpose. */
        get: operations["thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/{camera}/time-lapse.mp4": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Keyframes of up to seven days at 60 to 600 times the speed, as fragmented MP4 for MSE; needs a stated purpose. */
        get: operations["time_lapse"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/days": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How much of each day of a month is recorded, for a calendar. */
        get: operations["days"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/playback/lanes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a time line shows of one camera: recorded spans, gaps with causes, activity, sightings, alerts, bookmarks. */
        get: operations["lanes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pole/{camera}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The camera of a pole sign, so that the officer sees what he reports. */
        get: operations["pole_camera"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pole/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report a fault of a camera of the officer's villages; it joins patrol's list and is judged like others. */
        post: operations["report_from_pole"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/pole/report/{fault}/photo": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a photo (a JPEG or PNG as the body) to an own report; it takes the place of the camera's picture. */
        post: operations["add_pole_photo"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/push": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the station has Web Push, and whether this phone uses it. */
        get: operations["push_state"];
        put?: never;
        /** Keep this phone's subscription; it ends with the session. */
        post: operations["subscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/push/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End this phone's subscription. */
        post: operations["unsubscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/reports": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Villages whose report the account may read. */
        get: operations["list_reports"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/reports/{village}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One village's figures of a month. */
        get: operations["village_report"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sightings that match, newest or best first; needs a stated purpose. */
        post: operations["search_sightings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Numbers of matching sightings, by hour (or day) and by camera. */
        post: operations["count_sightings"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/map": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Positions of the cameras, for drawing an area on the map. */
        get: operations["search_map"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/motion": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Start a motion search in a region between two times; poll it by its number. */
        post: operations["begin_motion_search"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/motion/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Progress and results of a motion search of this session. */
        get: operations["motion_search"];
        put?: never;
        post?: never;
        /** End a motion search. */
        delete: operations["end_motion_search"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/similar": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sightings that look like a sighting, or like the content of a box on a recorded picture. */
        post: operations["search_similar"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/similar/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sightings that look like the content of an uploaded picture (the request's body); the picture is not kept. */
        post: operations["search_by_picture"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/together": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Objects that match the first filter and were also seen by all other filters, near in time or at any time. */
        post: operations["search_co_occurrence"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/vocabulary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The vocabulary of the search, and the detector that analyses the pictures. */
        get: operations["search_vocabulary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/search/words": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The chips and the filter that a phrase means; searches nothing. */
        post: operations["understand_words"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign in: open a session, or ask for the one-time code of the account. */
        post: operations["sign_in"];
        /** Sign out: end the session. */
        delete: operations["sign_out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/code": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Open the session of a sign-in that waits for its one-time code. */
        post: operations["sign_in_with_code"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change the own password; all other sessions of the account end. */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/purpose": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** State the purpose or case number under which this session views footage. */
        post: operations["set_purpose"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/second-factor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the own account has a second factor. */
        get: operations["own_second_factor"];
        put?: never;
        /** Give a one-time code, for what needs a fresh one within five minutes. */
        post: operations["confirm_session"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/second-factor/begin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make a new secret for an authenticator; it counts once its first code is given. */
        post: operations["begin_enrolment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/second-factor/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm the new secret by the authenticator's first code; the account's other sessions end. */
        post: operations["complete_enrolment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/second-factor/recovery-codes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Make new recovery codes; the former ones are void. */
        post: operations["renew_recovery_codes"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/second-factor/remove": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Remove the own second factor; an account whose role needs one must set up another. */
        post: operations["remove_second_factor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The open sessions of the own account: whoever finds a strange one changes the password, which ends them. */
        get: operations["own_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session/sessions/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** End one session of the own account, or all of them, this one included. */
        post: operations["end_own_sessions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/shift": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The present and the previous shift, what changed in it, and what waits for a decision. */
        get: operations["handover_of_the_shift"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/shift/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who has the duty desk now. */
        get: operations["on_duty"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/shift/note": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a note to the present shift, for the next officer. */
        post: operations["add_note"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/shift/take-over": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sign the take-over of the shift. Refused if somebody else signed meanwhile. States no purpose. */
        post: operations["take_over"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sightings/{sighting}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A sighting with its path through the picture; needs a stated purpose. */
        get: operations["one_sighting"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sightings/{sighting}/judgement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mark a sighting as candidate or rejected for the stated purpose; 'none' removes the mark. */
        post: operations["judge_sighting"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sightings/{sighting}/thumbnail": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of a sighting; needs a stated purpose. */
        get: operations["sighting_thumbnail"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Checks of disks, clock, network, database, backlog, certificate …: each with state, value and remedy. */
        get: operations["station_facts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Checks, state and settings in one JSON file without secrets, to send to whoever helps. Audited. */
        get: operations["station_bundle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/clock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether footage is deleted by age, or the station's clock must be confirmed first. */
        get: operations["retention_clock_state"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/clock/confirm": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Confirm that the station's clock was compared and is right; deletion by age resumes. Audited. */
        post: operations["confirm_clock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/forecast": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How long footage can be kept at the present rate, by village, and when it falls short of the requirement. */
        get: operations["retention_forecast"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The settings as the station runs with them. */
        get: operations["station_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/station/state": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Disks with their forecast, processes, recording, queues, and installed models, as the station recorded them. */
        get: operations["station_state"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the status bar shows: recording, open faults, and what waits for this account. */
        get: operations["summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/today/villages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Each village's cameras, open faults, rates of today and the last days, and last patrol; at most a minute old. */
        get: operations["villages_today"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tree": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Villages with their cameras and the announced state of each; 304 for the version named in If-None-Match. */
        get: operations["tree"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/units": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The patrol units of the account's villages, with their members. */
        get: operations["list_units"];
        put?: never;
        /** Create a patrol unit. */
        post: operations["create_unit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/units/{unit}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change a patrol unit, its area and its members. */
        post: operations["change_unit"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/units/officers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The patrol officers of the account's villages, who may belong to a unit. */
        get: operations["unit_officers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/vendors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Companies that orders may name, with their contacts. */
        get: operations["list_vendors"];
        put?: never;
        /** Add a company or change its contacts; the list is the whole town's. Audited. */
        post: operations["save_vendor"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/wall-views": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The account's saved views, and the shared ones in which it may see something. */
        get: operations["list_wall_views"];
        put?: never;
        /** Save a view of the wall. */
        post: operations["create_wall_view"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/wall-views/{view}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Change one of the account's own views. */
        put: operations["change_wall_view"];
        post?: never;
        /** Delete one of the account's own views. */
        delete: operations["delete_wall_view"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Subjects of the watch list, newest first. */
        get: operations["list_watch"];
        put?: never;
        /** Propose a subject for the watch list; a second person decides. */
        post: operations["propose_watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/decision": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Approve or refuse a proposed subject. */
        post: operations["decide_watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take a subject off the watch list before it expires: it was found, or is no longer wanted. */
        post: operations["end_watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/expected": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the subject would have given in the last 24 hours, for whoever may decide about it. */
        get: operations["expected_alerts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/look-back": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Search for a subject among the sightings of the last hours as well. */
        post: operations["look_back"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of the subject's first example, as `GET /api/watch/examples/{example}`. */
        get: operations["watch_picture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Extend a subject's stay on the watch list, to at most 30 days from now. */
        post: operations["renew_watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/seen": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Report that a subject is on a camera now, or was there on a recorded picture. */
        post: operations["report_sighting"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/{subject}/threshold": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Change how alike a sighting must be to an example. Raising it restricts; lowering it needs an approver. */
        post: operations["set_threshold"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/examples": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keep a sighting, or a box on a recorded picture, as an example for a proposal of this account within a day. */
        post: operations["choose_example"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/examples/{example}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JPEG of an example, for whoever chose it and for accounts that see its subject's case. */
        get: operations["example_picture"];
        put?: never;
        post?: never;
        /** Remove an example of one's own that belongs to no proposal yet. */
        delete: operations["withdraw_example"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/examples/picture": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Keep the picture in the request's body as an example: the box, or what is largest in it; at most 12 MB. */
        post: operations["upload_example"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/mutings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Cameras on which a subject gave three false alarms today: proposed for muting, or muted until the day ends. */
        get: operations["list_mutings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/mutings/{muting}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Mute the subject on that camera until the day ends, or dismiss the proposal. */
        post: operations["decide_muting"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/watch/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** What a subject would have given in the last 24 hours, before it is proposed; needs a stated purpose. */
        post: operations["preview_watch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ca": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The page that explains to phone and computer users how to trust the station's certificate. */
        get: operations["ca_page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ca/minwang.crt": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The authority's certificate (DER). */
        get: operations["ca_certificate"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ca/minwang.mobileconfig": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The authority's certificate as a configuration profile for Apple devices. */
        get: operations["ca_profile"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Metrics of cameras, faults, orders, streams, disks and the patrol, for Prometheus. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/register/{day}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The register as a page to print (A4). */
        get: operations["register_page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/register/{day}/pdf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The register as PDF, rendered from the same page. */
        get: operations["register_pdf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/report/{village}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One village's report as a page to print (A4). */
        get: operations["village_report_page"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/report/{village}/pdf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One village's report as PDF, rendered from the same page. Each download is audited. */
        get: operations["village_report_pdf"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** AcceptanceBody */
        AcceptanceBody: {
            /**
             * Legal Class
             * @default null
             */
            legal_class?: ("7.1" | "7.2" | "9" | "non_public") | null;
            /** @default null */
            masks?: components["schemas"]["MaskState"] | null;
            /**
             * Picture
             * @description Take the newest picture as the field of view; needs a stated purpose
             * @default false
             */
            picture?: boolean;
            /**
             * Places
             * @description Prohibited places that it is not in and does not look into
             * @default null
             */
            places?: components["schemas"]["ProhibitedPlace"][] | null;
            /**
             * Responsible
             * @default null
             */
            responsible?: string | null;
        };
        /**
         * AcceptanceLine
         * @description A camera whose acceptance waits for the second signature.
         */
        AcceptanceLine: {
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /**
             * Proposed At
             * Format: date-time
             */
            proposed_at: string;
            /** Proposed By */
            proposed_by: string;
            /** Village */
            village: string;
        };
        /** AcceptBody */
        AcceptBody: {
            /** Cameras */
            cameras: string[];
        };
        /** AcceptReply */
        AcceptReply: {
            /** Accepted */
            accepted: string[];
            /** Lacking */
            lacking: {
                [key: string]: string[];
            };
        };
        /**
         * AccountChange
         * @description Fields that are null stay unchanged.
         */
        AccountChange: {
            /**
             * All Villages
             * @default false
             */
            all_villages?: boolean;
            /**
             * Disabled
             * @default null
             */
            disabled?: boolean | null;
            /**
             * Display Name
             * @default null
             */
            display_name?: string | null;
            /** Reason */
            reason: string;
            /** @default null */
            role?: components["schemas"]["Role"] | null;
            /**
             * Vendor
             * @default null
             */
            vendor?: string | null;
            /**
             * Villages
             * @default null
             */
            villages?: string[] | null;
        };
        /** AccountView */
        AccountView: {
            /**
             * Also Security
             * @description An administrator who also manages the accounts, until there is a security administrator
             */
            also_security: boolean;
            /** Disabled */
            disabled: boolean;
            /** Display Name */
            display_name: string;
            /** Must Change */
            must_change: boolean;
            /** Must Have Second Factor */
            must_have_second_factor: boolean;
            /** Name */
            name: string;
            role: components["schemas"]["Role"];
            /**
             * Second Factor
             * @description It has one; an account whose role needs one sets it up at the sign-in
             */
            second_factor: boolean;
            /** Vendor */
            vendor: string;
            /**
             * Villages
             * @description Null: the whole town
             */
            villages: string[] | null;
            /**
             * Waits Until
             * @description After wrong passwords it has to wait at some source until then; null: it does not
             * @default null
             */
            waits_until: string | null;
        };
        /**
         * ActivityProblem
         * @description Why the activity of a camera is not known.
         * @enum {string}
         */
        ActivityProblem: "too_little_footage" | "constant_bit_rate";
        /** AdoptBody */
        AdoptBody: {
            /** Address */
            address: string;
            /**
             * Credential
             * @default null
             */
            credential?: string | null;
            /** Name */
            name: string;
            /** Village */
            village: string;
        };
        /**
         * Aerial
         * @description `aerial.json`: three control points define the affine map from picture to ground.
         */
        Aerial: {
            /**
             * Attribution
             * @default
             */
            attribution: string;
            /** Points */
            points: components["schemas"]["ControlPoint"][];
        };
        /** AerialView */
        AerialView: {
            /**
             * Changed At
             * Format: date-time
             */
            changed_at: string;
            /** @description Control points of GET /api/map/aerial; null: see problem */
            control: components["schemas"]["Aerial"] | null;
            /** Problem */
            problem: string;
        };
        /**
         * AlertAnswer
         * @description What the officer who took an alert found.
         * @enum {string}
         */
        AlertAnswer: "caught" | "not_seen" | "false_alarm";
        /** AlertCameraView */
        AlertCameraView: {
            /**
             * Bearing
             * @description From the alert's camera, degrees clockwise from north
             */
            bearing: number | null;
            /** Camera */
            camera: string;
            /**
             * Faces
             * @description Direction in which the camera looks, degrees; null: unknown
             */
            faces: number | null;
            /**
             * Latitude
             * @description WGS 84; null: unknown
             */
            latitude: number | null;
            /** Longitude */
            longitude: number | null;
            /**
             * Metres
             * @description From the alert's camera; null: unknown
             */
            metres: number | null;
            /** Name */
            name: string;
        };
        /** AlertConfirmBody */
        AlertConfirmBody: {
            /** Send */
            send: boolean;
            /**
             * Unit
             * @description Unit to call first; absent: the nearest free one on duty
             * @default null
             */
            unit?: number | null;
        };
        /** AlertDetail */
        AlertDetail: {
            alert: components["schemas"]["AlertView"];
            /**
             * Calls
             * @description Who is called for it, in this order
             */
            calls: components["schemas"]["CallView"][];
            /**
             * Heading
             * @description Of the first sighting's movement on the map, degrees clockwise from north; null: unknown
             */
            heading: number | null;
            /**
             * Last Camera
             * @description Where the subject was seen last
             */
            last_camera: string;
            /**
             * Last Seen At
             * Format: date-time
             */
            last_seen_at: string;
            /**
             * Next
             * @description Most plausible first; empty where positions are unknown
             */
            next: components["schemas"]["NextCameraView"][];
            /**
             * Steps
             * @description Oldest first
             */
            steps: components["schemas"]["StepView"][];
            /**
             * Trail
             * @description Oldest sighting first, without the one that raised the alert
             */
            trail: components["schemas"]["TrailView"][];
        };
        /** AlertFiguresQuery */
        AlertFiguresQuery: {
            /**
             * Days
             * @default 30
             */
            days?: number;
        };
        /** AlertFiguresView */
        AlertFiguresView: {
            /** Alerts */
            alerts: number;
            /**
             * By Camera
             * @description The 20 with the most alerts
             */
            by_camera: components["schemas"]["JudgedView"][];
            /**
             * By Hour
             * @description 24 hours of the station's time zone
             */
            by_hour: components["schemas"]["JudgedView"][];
            /**
             * By Subject
             * @description The 20 with the most alerts
             */
            by_subject: components["schemas"]["JudgedView"][];
            /**
             * Complete
             * @description False: there were too many; only the newest are counted
             */
            complete: boolean;
            /** Days */
            days: number;
            to_acknowledgement: components["schemas"]["DelayView"];
            to_arrival: components["schemas"]["DelayView"];
            /** @description To the first message that a channel took or delivered */
            to_phone: components["schemas"]["DelayView"];
        };
        /** AlertLiveBody */
        AlertLiveBody: {
            /** Camera */
            camera: string;
            /**
             * Transcode
             * @description To H.264, if the phone cannot play the stream
             * @default false
             */
            transcode?: boolean;
        };
        /** AlertMark */
        AlertMark: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Id */
            id: number;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["AlertState"] | string;
        };
        /**
         * AlertOutcome
         * @description What an alert was, as the video officer who closed it says.
         * @enum {string}
         */
        AlertOutcome: "true_alarm" | "false_alarm" | "duplicate";
        /** AlertPhotoView */
        AlertPhotoView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** By */
            by: string;
            /** Photo */
            photo: number;
        };
        /** AlertPlaceReply */
        AlertPlaceReply: {
            /** Alert */
            alert: number;
            /**
             * Cameras
             * @description The alert's camera, then those within 500 m, nearest first
             */
            cameras: components["schemas"]["AlertCameraView"][];
            /**
             * Site
             * @description Where the alert's camera stands, in words; may be empty
             */
            site: string;
            /**
             * Village
             * @description Name of the village
             */
            village: string;
            /**
             * Watch Until
             * @description Until when its cameras may be watched live; null: they may not
             */
            watch_until: string | null;
        };
        /** AlertQuery */
        AlertQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Limit
             * @default 50
             */
            limit?: number;
        };
        /**
         * AlertState
         * @description new → dispatched → acked → under way → answered → closed; `cases.alerts.steps.FROM` has every step.
         * @enum {string}
         */
        AlertState: "new" | "dispatched" | "acked" | "answered" | "rejected" | "recalled" | "under_way" | "closed";
        /**
         * AlertStepKind
         * @description What somebody did with an alert.
         * @enum {string}
         */
        AlertStepKind: "dispatched" | "rejected" | "recalled" | "snoozed" | "acked" | "declined" | "arrived" | "answered" | "closed";
        /** AlertView */
        AlertView: {
            /** Acked At */
            acked_at: string | null;
            /** Acked By */
            acked_by: string | null;
            answer: components["schemas"]["AlertAnswer"] | null;
            /**
             * Arrived At
             * @description When who took it was there; null: not yet
             */
            arrived_at: string | null;
            /**
             * Called In
             * @description Seconds until this officer is called; 0: he is; null: he is not, or it is taken
             */
            called_in: number | null;
            /** Camera */
            camera: string;
            /** Camera Name */
            camera_name: string;
            /** Closed At */
            closed_at: string | null;
            /** Closed By */
            closed_by: string | null;
            cls: components["schemas"]["ClassWord"];
            /**
             * Dispatched At
             * @description When the patrol officers were told; null: they were not
             */
            dispatched_at: string | null;
            /**
             * Has Picture
             * @description False: the picture could not be stored, or was deleted by age
             */
            has_picture: boolean;
            /** Id */
            id: number;
            lower: components["schemas"]["ColourWord"] | null;
            /** Note */
            note: string;
            /** @description What it was, as whoever closed it says; null: it is not closed */
            outcome: components["schemas"]["AlertOutcome"] | null;
            /**
             * Recall Seconds
             * @description For so long after this answer it can be taken back; 0: no longer
             */
            recall_seconds: number;
            /**
             * Seen At
             * Format: date-time
             */
            seen_at: string;
            /**
             * Snooze Seconds
             * @description For so long after this answer it is silent in the console; 0: it rings
             */
            snooze_seconds: number;
            state: components["schemas"]["AlertState"];
            /** Title */
            title: string;
            upper: components["schemas"]["ColourWord"] | null;
            /** Village */
            village: string;
        };
        /** AnswerBody */
        AnswerBody: {
            /**
             * At
             * @description When it was done, by the phone's clock; absent: now
             * @default null
             */
            at?: string | null;
            /**
             * Client Id
             * Format: uuid
             * @description Of this step; the same whenever it is sent again
             */
            client_id: string;
            /**
             * Note
             * @default
             */
            note?: string;
            /**
             * Now
             * @description When it is sent, by the phone's clock
             * @default null
             */
            now?: string | null;
            /**
             * @description Where the phone is; absent: unknown
             * @default null
             */
            place?: components["schemas"]["PlaceBody"] | null;
            result: components["schemas"]["AlertAnswer"];
        };
        /** ArrivalView */
        ArrivalView: {
            /**
             * Earliest
             * Format: date-time
             */
            earliest: string;
            /**
             * Latest
             * Format: date-time
             */
            latest: string;
            mode: components["schemas"]["TravelMode"];
        };
        /**
         * AttributeWord
         * @description The names of `Attribute`.
         * @enum {string}
         */
        AttributeWord: "hat" | "bag" | "backpack" | "long_sleeves" | "long_trousers" | "long_hair" | "coat_or_jacket" | "helmet";
        /**
         * AuditAction
         * @description What somebody did or looked at, as package.verb. The values are stored, and each row is sealed with its own:
         *     rows written before an action was renamed keep the old text, which is shown as it is. `REVIEW_DRAW` and
         *     `REVIEW_VERDICT` are `tour.draw` and `tour.verdict` in old rows.
         *
         *     `RETENTION_SUSPENDED`, `RETENTION_RETURNED`, `RETENTION_NTP` and `RETENTION_TIME` are the changes of
         *     nvr.clock.plausibility.ClockChange.
         * @enum {string}
         */
        AuditAction: "acceptance.view" | "alert.ack" | "alert.answer" | "alert.arrive" | "alert.close" | "alert.decline" | "alert.dispatch" | "alert.list" | "alert.photo" | "alert.photo_view" | "alert.raise" | "alert.recall" | "alert.reject" | "alert.snooze" | "alert.trail" | "alert.view" | "archive.repair" | "audit.export" | "audit.key" | "audit.seal" | "bookmark.add" | "bookmark.delete" | "camera.accept" | "camera.acceptance" | "camera.acceptance_propose" | "camera.account" | "camera.adopt" | "camera.configure" | "camera.edit" | "camera.move" | "camera.replace" | "camera.restore" | "camera.retire" | "camera.sign" | "cameras.expect" | "cameras.identify" | "cameras.onboarding.survey" | "candidate.list" | "case.close" | "case.open" | "contact.change" | "contact.withdraw" | "credential.set" | "evidence.approve" | "evidence.approve_by_phone" | "evidence.cancel" | "evidence.close" | "evidence.confirm" | "evidence.create" | "evidence.expire" | "evidence.extract" | "evidence.hand_over" | "evidence.refuse" | "evidence.seal" | "evidence.submit" | "events.open" | "fault.list" | "fault.picture" | "fault.reference" | "fault.photo" | "fault.report" | "fault.verdict" | "fault.week" | "finding.accept" | "footage.export" | "hold.add" | "hold.case_closed" | "hold.follow" | "hold.release" | "hold.review" | "inventory.apply" | "inventory.export" | "lanes.view" | "live.close" | "live.open" | "maintenance.begin" | "maintenance.end" | "notify.secret" | "notify.test" | "order.cost" | "order.create" | "order.move" | "order.photo" | "order.photo_view" | "order.still" | "patrol.ask" | "patrol.sign" | "patrol.supplement" | "pictures.drop" | "playback.close" | "playback.open" | "ptz.preset" | "ptz.take" | "register.view" | "report.export" | "report.view" | "retention.confirm" | "retention.ntp" | "retention.returned" | "retention.suspended" | "retention.time" | "review.draw" | "review.verdict" | "search.count" | "search.query.co_occurrence" | "search.query.motion_search" | "search.query.similar" | "search.run" | "second_factor.codes" | "second_factor.confirm" | "second_factor.enrol" | "second_factor.recovery" | "second_factor.refused" | "second_factor.remove" | "second_factor.reset" | "session.close" | "session.end" | "session.open" | "session.purpose" | "session.refused" | "session.replaced" | "shift.note" | "shift.take_over" | "shift.view" | "sighting.judge" | "sighting.view" | "sightings.drop" | "sightings.unmatched" | "snapshot.save" | "snapshot.view" | "station.bundle" | "station_key.make" | "station_key.rotate" | "strip.view" | "thumbnail.view" | "time_lapse.close" | "time_lapse.open" | "unit.change" | "unit.create" | "unit.duty" | "unit.view" | "user.change" | "user.create" | "user.password" | "user.password_refused" | "user.reset" | "user.unlock" | "vendor.change" | "wall_view.change" | "wall_view.create" | "wall_view.delete" | "watch.approve" | "watch.end" | "watch.example" | "watch.expected" | "watch.list" | "watch.look_back" | "watch.mute" | "watch.mute_dismiss" | "watch.mute_propose" | "watch.picture" | "watch.propose" | "watch.refuse" | "watch.renew" | "watch.threshold";
        /** AuditEntry */
        AuditEntry: {
            /**
             * Action
             * @description Text that is not listed comes from another release
             */
            action: components["schemas"]["AuditAction"] | string;
            /** Actor */
            actor: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /**
             * Client
             * @description Client address; empty: on the station itself
             */
            client: string;
            /**
             * Details
             * @description Details: query, range (start, end), seconds and so on
             */
            details: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Id */
            id: number;
            /** Object */
            object: string;
            /** Reason */
            reason: string;
            /** Village */
            village: string;
        };
        /** AuditPage */
        AuditPage: {
            /**
             * Broken At
             * @description First row that breaks the hash chain; null if intact
             */
            broken_at: number | null;
            /**
             * Complete
             * @description Whether all rows were verified; a long trail takes a while
             */
            complete: boolean;
            /**
             * Doubted
             * @description Rows in a break that was reviewed, after which the trail was sealed again
             */
            doubted: number;
            /**
             * Next
             * @description `before` of the next page; a page may be short although one follows
             */
            next: number | null;
            /**
             * Problem
             * @description Why the trail is broken or cannot be verified; empty: intact
             */
            problem: string;
            /** Rows */
            rows: components["schemas"]["AuditEntry"][];
            /**
             * Sealed At
             * @description When rows and last hash were sealed outside the database
             */
            sealed_at: string | null;
            /**
             * Unkeyed
             * @description Of these, rows from before a key existed: their author is unproved
             */
            unkeyed: number;
            /**
             * Unverifiable
             * @description Of these, rows sealed with a key that is lost
             */
            unverifiable: number;
            /**
             * Verified
             * @description Rows that were verified; 0 on later pages, which are not verified again
             */
            verified: number;
        };
        /** AuditQuery */
        AuditQuery: {
            /**
             * @description One action; of an earlier release's actions see `text`
             * @default null
             */
            action?: components["schemas"]["AuditAction"] | null;
            /**
             * Actor
             * @default null
             */
            actor?: string | null;
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /**
             * End
             * @description Before this time
             * @default null
             */
            end?: string | null;
            /**
             * Limit
             * @default 50
             */
            limit?: number;
            /**
             * Object
             * @default null
             */
            object?: string | null;
            /**
             * Start
             * @description At or after this time
             * @default null
             */
            start?: string | null;
            /**
             * Text
             * @description Part of object, reason or actor
             * @default null
             */
            text?: string | null;
            /**
             * @description A ready filter; with `action` only that action of it
             * @default null
             */
            view?: components["schemas"]["AuditView"] | null;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /** AuditSelection */
        AuditSelection: {
            /**
             * @description One action; of an earlier release's actions see `text`
             * @default null
             */
            action?: components["schemas"]["AuditAction"] | null;
            /**
             * Actor
             * @default null
             */
            actor?: string | null;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /**
             * End
             * @description Before this time
             * @default null
             */
            end?: string | null;
            /**
             * Object
             * @default null
             */
            object?: string | null;
            /**
             * Start
             * @description At or after this time
             * @default null
             */
            start?: string | null;
            /**
             * Text
             * @description Part of object, reason or actor
             * @default null
             */
            text?: string | null;
            /**
             * @description A ready filter; with `action` only that action of it
             * @default null
             */
            view?: components["schemas"]["AuditView"] | null;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /**
         * AuditView
         * @description The auditor's ready filters. Cameras that many accounts looked at are `GET /api/audit/cameras`.
         * @enum {string}
         */
        AuditView: "viewing" | "off_hours" | "exports" | "failed_sign_ins" | "permissions" | "configuration" | "decisions";
        /** BookmarkBody */
        BookmarkBody: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Camera */
            camera: string;
            /** Text */
            text: string;
        };
        /** BookmarkQuery */
        BookmarkQuery: {
            /**
             * Camera
             * @description Ids of one to 25 cameras, with commas between them
             */
            camera: string;
            /**
             * From
             * Format: date-time
             */
            from: string;
            /**
             * To
             * Format: date-time
             */
            to: string;
        };
        /** BookmarkView */
        BookmarkView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Camera */
            camera: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Created By */
            created_by: string;
            /** Id */
            id: number;
            /** Text */
            text: string;
            /** Village */
            village: string;
        };
        /**
         * BoxQuery
         * @description A box on an uploaded picture, in shares of it; none: what is largest.
         */
        BoxQuery: {
            /**
             * H
             * @default null
             */
            h?: number | null;
            /**
             * W
             * @default null
             */
            w?: number | null;
            /**
             * X
             * @default null
             */
            x?: number | null;
            /**
             * Y
             * @default null
             */
            y?: number | null;
        };
        /**
         * BriefingSubject
         * @description Somebody who is looked for in the officer's villages: features only, neither case nor reason.
         */
        BriefingSubject: {
            cls: components["schemas"]["ClassWord"];
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Has Picture */
            has_picture: boolean;
            /** Id */
            id: number;
            lower: components["schemas"]["ColourWord"] | null;
            /** Title */
            title: string;
            upper: components["schemas"]["ColourWord"] | null;
            /**
             * Villages
             * @description Names of those of the officer's villages; null: the whole town
             */
            villages: string[] | null;
        };
        /**
         * CallKind
         * @description Whom a call of an alert reaches.
         * @enum {string}
         */
        CallKind: "unit" | "on_duty" | "everybody" | "leaders";
        /** CallView */
        CallView: {
            /** Accounts */
            accounts: string[];
            /**
             * Due At
             * Format: date-time
             * @description They are called then, unless somebody has taken the alert
             */
            due_at: string;
            /**
             * Kind
             * @description Text that is not listed comes from another release
             */
            kind: components["schemas"]["CallKind"] | string;
            /** Unit */
            unit: number | null;
            /**
             * Unit Name
             * @description Empty where officers of any unit are called
             */
            unit_name: string;
        };
        /** CameraAlerts */
        CameraAlerts: {
            /** Alerts */
            alerts: number;
            /** Camera */
            camera: string;
        };
        /**
         * CameraCounts
         * @description Cameras in use, by whether they are online now.
         */
        CameraCounts: {
            /** Offline */
            offline: number;
            /** Online */
            online: number;
            /** Total */
            total: number;
            /** Unknown */
            unknown: number;
        };
        /**
         * CameraCredentialBody
         * @description Either the name of a credential that exists, or user name and password of this camera alone.
         */
        CameraCredentialBody: {
            /**
             * Credential
             * @default null
             */
            credential?: string | null;
            /**
             * Password
             * @default null
             */
            password?: string | null;
            /** Reason */
            reason: string;
            /**
             * Username
             * @default null
             */
            username?: string | null;
        };
        /** CameraDaysView */
        CameraDaysView: {
            /** Camera */
            camera: string;
            /**
             * Days
             * @description The days of the month up to today
             */
            days: components["schemas"]["RecordedDayView"][];
            /** Stream */
            stream: string;
        };
        /**
         * CameraEditBody
         * @description Fields of a camera's file. A field that is left out stays as it is; null removes its value.
         */
        CameraEditBody: {
            /**
             * Address
             * @description host, host:port or URL of its ONVIF service
             * @default null
             */
            address?: string | null;
            /**
             * Contract
             * @default null
             */
            contract?: string | null;
            /**
             * Contract Until
             * @default null
             */
            contract_until?: string | null;
            /**
             * Cost
             * @default null
             */
            cost?: number | null;
            /**
             * Expected Make
             * @default null
             */
            expected_make?: string | null;
            /**
             * Filing Date
             * @default null
             */
            filing_date?: string | null;
            /**
             * Filing No
             * @default null
             */
            filing_no?: string | null;
            /**
             * In Use Since
             * @default null
             */
            in_use_since?: string | null;
            /**
             * Installed
             * @default null
             */
            installed?: string | null;
            /**
             * Legal Class
             * @default null
             */
            legal_class?: ("7.1" | "7.2" | "9" | "non_public") | null;
            /**
             * Maintainer
             * @default null
             */
            maintainer?: string | null;
            /**
             * Manager Unit
             * @default null
             */
            manager_unit?: string | null;
            /**
             * Name
             * @default null
             */
            name?: string | null;
            /**
             * Number
             * @default null
             */
            number?: string | null;
            /**
             * Owner Kind
             * @default null
             */
            owner_kind?: ("village" | "government" | "enterprise") | null;
            /**
             * Purpose
             * @default null
             */
            purpose?: string | null;
            /** Reason */
            reason: string;
            /**
             * Responsible
             * @default null
             */
            responsible?: string | null;
            /**
             * Retention Days
             * @default null
             */
            retention_days?: number | null;
            /**
             * Site
             * @default null
             */
            site?: string | null;
            /**
             * Sponsor
             * @default null
             */
            sponsor?: string | null;
            /**
             * Switch
             * @default null
             */
            switch?: string | null;
            /**
             * Warranty Until
             * @default null
             */
            warranty_until?: string | null;
        };
        /** CameraFile */
        CameraFile: {
            /** Address */
            address: string | null;
            /** Device */
            device: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /**
             * Faults
             * @description Families of its open faults
             */
            faults: (components["schemas"]["FaultFamily"] | string)[];
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Profile */
            profile: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Ptz */
            ptz: boolean;
            state: components["schemas"]["CameraState"];
            /** Streams */
            streams: components["schemas"]["StreamView"][];
            /** Village */
            village: string;
        };
        /**
         * CameraKind
         * @enum {string}
         */
        CameraKind: "fixed" | "dome" | "unknown";
        /** CameraMoveBody */
        CameraMoveBody: {
            /**
             * Address
             * @description host:port at which it was discovered, or from the finding
             */
            address: string;
            /**
             * Reason
             * @description How the new address was verified
             */
            reason: string;
        };
        /** CameraPage */
        CameraPage: {
            /** Cameras */
            cameras: components["schemas"]["CameraRow"][];
            /**
             * Items
             * @description The columns of the checklist, in their order
             */
            items: components["schemas"]["Item"][];
            /** Page */
            page: number;
            /** Size */
            size: number;
            /**
             * Total
             * @description Cameras that the filter leaves
             */
            total: number;
        };
        /** CameraQuery */
        CameraQuery: {
            /**
             * Page
             * @default 1
             */
            page?: number;
            /**
             * @description Cameras whose check of this item is not ok
             * @default null
             */
            problem?: components["schemas"]["Item"] | null;
            /**
             * Retired
             * @description Cameras out of use instead of those in use
             * @default false
             */
            retired?: boolean;
            /**
             * Size
             * @default 50
             */
            size?: number;
            /** @default id */
            sort?: components["schemas"]["CameraSort"];
            /** @default null */
            state?: components["schemas"]["CameraState"] | null;
            /**
             * Text
             * @description Part of id, name, number, address, site, person or company
             * @default
             */
            text?: string;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /**
         * CameraRateView
         * @description What officers said about a subject's alerts on a camera.
         */
        CameraRateView: {
            /** Camera */
            camera: string;
            /**
             * Rate
             * @description Share of wrong ones among those that were judged; null: unknown
             */
            rate: number | null;
            /** Right */
            right: number;
            /** Unjudged */
            unjudged: number;
            /** Wrong */
            wrong: number;
        };
        /** CameraRow */
        CameraRow: {
            /** Accepted At */
            accepted_at: string | null;
            /** Address */
            address: string | null;
            /** Checks */
            checks: {
                [key: string]: components["schemas"]["ItemState"];
            };
            /**
             * Credential
             * @description Name of its credential; the password is never told
             */
            credential: string | null;
            /**
             * Details
             * @description A cause or figure of each failed check
             */
            details: {
                [key: string]: string;
            };
            /**
             * Faults
             * @description Families of its open faults
             */
            faults: (components["schemas"]["FaultFamily"] | string)[];
            /** Firmware */
            firmware: string;
            /** Id */
            id: string;
            /**
             * Legal Class
             * @description Class of Decree 799; empty: not set
             */
            legal_class: ("7.1" | "7.2" | "9" | "non_public") | "";
            /** Maintainer */
            maintainer: string;
            /**
             * Make
             * @description Maker and model as it reports them; empty: never identified
             */
            make: string;
            /** Manager Unit */
            manager_unit: string;
            /**
             * Missing
             * @description What must be recorded before anybody can sign
             */
            missing: components["schemas"]["MissingFact"][];
            /** Name */
            name: string;
            /** Number */
            number: string;
            /**
             * Placed
             * @description Its position is known
             */
            placed: boolean;
            /**
             * Problem
             * @description Why it could not be asked last time; empty: it could
             */
            problem: string;
            /**
             * Proposed By
             * @description Who signed first and waits for the second person
             */
            proposed_by: string | null;
            /** Responsible */
            responsible: string;
            /** Retired */
            retired: boolean;
            /** Site */
            site: string;
            state: components["schemas"]["CameraState"];
            /** Village */
            village: string;
            /** Warranty Until */
            warranty_until: string;
        };
        /**
         * CameraSort
         * @enum {string}
         */
        CameraSort: "id" | "name" | "village" | "state" | "warranty";
        /**
         * CameraState
         * @description State of a camera, or the worst of a village's cameras; from good to bad.
         * @enum {string}
         */
        CameraState: "ok" | "attention" | "unknown" | "fault" | "offline";
        /** CameraViewers */
        CameraViewers: {
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /**
             * Viewers
             * @description Account → number of views
             */
            viewers: {
                [key: string]: number;
            };
            /** Views */
            views: number;
        };
        /** CandidateView */
        CandidateView: {
            /** Accepted At */
            accepted_at: string | null;
            /**
             * Accepted By
             * @description The two accounts; before there were signatures, the names that were typed
             */
            accepted_by: string[];
            /** Address */
            address: string | null;
            /**
             * Failed
             * @description A cause or figure of each failed check
             */
            failed: {
                [key: string]: string;
            };
            /** Id */
            id: string;
            /** Make */
            make: string;
            /**
             * Marks
             * @description One letter per check, in the order of `items`: o ok, x failed, . to do
             */
            marks: string;
            /**
             * Missing
             * @description What must be recorded before anybody can sign
             */
            missing: components["schemas"]["MissingFact"][];
            /** Name */
            name: string;
            /**
             * Picture By
             * @description Who took the picture of the field of view; null: none, or not known
             */
            picture_by: string | null;
            /** Proposed At */
            proposed_at: string | null;
            /**
             * Proposed By
             * @description Who signed first for what the file says now, until another person confirms it
             */
            proposed_by: string | null;
            /** Village */
            village: string;
        };
        /** CaseBody */
        CaseBody: {
            /** Number */
            number: string;
            /** Title */
            title: string;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /** CaseView */
        CaseView: {
            /** Closed At */
            closed_at: string | null;
            /** Closed By */
            closed_by: string | null;
            /** Id */
            id: number;
            /** Number */
            number: string;
            /**
             * Opened At
             * Format: date-time
             */
            opened_at: string;
            /** Opened By */
            opened_by: string;
            /** Title */
            title: string;
            /** Village */
            village: string | null;
        };
        /**
         * CellContent
         * @description What a cell of the wall shows.
         * @enum {string}
         */
        CellContent: "empty" | "camera" | "tour" | "village" | "alerts";
        /**
         * ChangesOf
         * @description Whose changes are listed: of the present shift, or of the one before it too.
         * @enum {string}
         */
        ChangesOf: "current" | "previous";
        /** ChangeView */
        ChangeView: {
            /** Actor */
            actor: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Field */
            field: string;
            /** Id */
            id: number;
            new: components["schemas"]["JsonValue"];
            old: components["schemas"]["JsonValue"];
        };
        /** ChannelBody */
        ChannelBody: {
            channel: components["schemas"]["ChannelKind"];
        };
        /**
         * ChannelKind
         * @description How a message reaches a person, or another system (webhook, MQTT).
         * @enum {string}
         */
        ChannelKind: "wecom" | "sms" | "voice" | "email" | "webpush" | "webhook" | "mqtt";
        /**
         * CheckName
         * @description The checks, in the order in which they are printed.
         * @enum {string}
         */
        CheckName: "station" | "versions" | "processes" | "database" | "backlog" | "registry" | "disk.space" | "disk.speed" | "disk.volumes" | "disk.quarantine" | "disk.smart" | "clock" | "clock.retention" | "time zone" | "port.console" | "port.discovery" | "receive buffers" | "multicast" | "certificate" | "permissions" | "files" | "memory" | "ffmpeg" | "printing" | "models" | "backup" | "messages" | "second factor" | "separation";
        /**
         * CheckRemedy
         * @description What to do about it.
         * @enum {string}
         */
        CheckRemedy: "something_hangs" | "read_log_or_report" | "see_database" | "run_as_station_user" | "read_its_log" | "start_station" | "recorder_not_restarted" | "see_patrol" | "restart_station" | "start_station_once" | "start_to_migrate" | "install_newer" | "find_database_load" | "start_server" | "restore_database" | "find_database_lock" | "cpu_too_slow" | "search_may_be_off" | "speed_up_search" | "set_inventory" | "check_inventory" | "apply_inventory" | "reinstall_model" | "add_model" | "install_model" | "set_tls" | "hide_behind_proxy" | "watch_proxy" | "mend_certificate" | "renew_own_certificate" | "renew_certificate" | "add_certificate_names" | "check_backup_log" | "make_backups" | "mount_folder" | "make_writable" | "free_space_now" | "free_space" | "see_disk_space" | "free_space_first" | "check_disk_and_mount" | "faster_disk" | "nothing_on_virtual" | "install_smartctl" | "run_smartctl" | "run_as_root_once" | "replace_disk_now" | "plan_disk_replacement" | "start_the_station" | "volume_free_space" | "volume_spread" | "volume_mount" | "volume_read_only" | "volume_failing" | "volume_quota" | "volume_permission" | "volume_stale" | "volume_absent" | "volume_check" | "inspect_quarantine" | "confirm_clock" | "set_clock" | "install_time_service" | "run_doctor" | "check_time_service" | "check_time_server" | "raise_rmem" | "set_port" | "end_other_program" | "use_other_port" | "set_host_and_port" | "start_it" | "free_discovery_port" | "connect_network" | "allow_multicast" | "run_again" | "describe_channels" | "mend_channels" | "set_contacts" | "reach_officers" | "see_messages" | "raise_files" | "memory_nearly_gone" | "memory_short" | "install_ffmpeg" | "install_complete_ffmpeg" | "install_pango" | "install_renderer" | "mend_printing" | "install_font" | "use_own_user" | "require_second_factor" | "add_security_administrator" | "add_auditor" | "change_mode";
        /**
         * CheckState
         * @enum {string}
         */
        CheckState: "ok" | "warning" | "failed" | "unknown";
        /**
         * CheckValue
         * @description What a check found.
         * @enum {string}
         */
        CheckValue: "still_no_answer" | "no_answer_in_time" | "check_failed" | "needs_database" | "unreadable_for_user" | "station_silent" | "no_recorder" | "streams_recorded" | "recorders_missing" | "program_versions" | "processes_current" | "processes_of_other_release" | "database_missing" | "database_answers" | "database_other_version" | "database_not_opened" | "database_unreadable" | "rows_late" | "rows_written" | "checksums_waiting" | "search_idle" | "search_behind" | "inventory_not_set" | "inventory_missing" | "inventory_wrong" | "inventory_applied" | "inventory_differs" | "model_damaged" | "model_intact" | "model_not_installed" | "no_model" | "console_unencrypted" | "console_beside_proxy" | "certificate_at_proxy" | "certificate_not_needed" | "certificate_unusable" | "certificate_valid" | "certificate_lacks_names" | "backup_log_unreadable" | "backup_none" | "backup_never_good" | "backup_age" | "backup_last_failed" | "folder_missing" | "folder_unreadable" | "space_free" | "space_and_inodes" | "not_writable" | "speed_not_measured" | "speed_no_space" | "writing_failed" | "disk_speed" | "no_physical_disk" | "smartctl_missing" | "smartctl_silent" | "smart_absent" | "smart_passed" | "smart_failed" | "smart_sectors" | "smart_sectors_failed" | "smart_nvme" | "smart_nvme_failed" | "no_volume" | "volume_unchecked" | "volume_records" | "volume_notice" | "volume_full" | "volume_slow" | "volume_missing" | "volume_failed" | "volume_other" | "quarantine_empty" | "quarantine_files" | "retention_not_checked" | "retention_runs" | "retention_suspended" | "clock_in_the_past" | "clock_set_by_system" | "clock_not_set_by_system" | "clock_not_readable" | "clock_service_fails" | "clock_not_synchronised" | "clock_no_service" | "clock_synchronised" | "clock_synchronised_by" | "zone" | "zone_of_logs" | "no_channel" | "channels_wrong" | "auditors_unreachable" | "officers_unreachable" | "on_duty_unreachable" | "messages_failed" | "messages_sent" | "buffers_small" | "buffers_large" | "port_any" | "port_foreign" | "port_foreign_because" | "console_answers" | "port_unusable" | "port_free" | "port_usable" | "no_interface" | "multicast_fails" | "multicast_works" | "multicast_foreign" | "second_factor_off" | "second_factor_on" | "duties_double" | "no_security_administrator" | "no_auditor" | "duties_separate" | "cameras_not_known" | "files_of_recorder" | "files_of_process" | "memory" | "not_installed" | "ffmpeg_lacks" | "ffmpeg_complete" | "pango_missing" | "printing_failed" | "printing_impossible" | "characters_missing" | "chinese_printed" | "runs_as_root" | "runs_as_user" | "mode" | "mode_readable" | "mode_changeable" | "mode_password_readable";
        /**
         * ChipKind
         * @description What a chip restricts.
         * @enum {string}
         */
        ChipKind: "cls" | "not_cls" | "upper" | "not_upper" | "lower" | "not_lower" | "attribute" | "lacking" | "direction" | "heading" | "speed" | "village" | "camera" | "between" | "nightly" | "dwell" | "plate" | "note";
        /** ChipView */
        ChipView: {
            kind: components["schemas"]["ChipKind"];
            /** Text */
            text: string;
            /** Value */
            value: string;
        };
        /**
         * ClassWord
         * @description The names of `Cls`, as they are asked for and told; `pedestrian` occurs in questions only.
         * @enum {string}
         */
        ClassWord: "person" | "pedestrian" | "rider" | "two_wheeler" | "bicycle" | "ebike" | "tricycle" | "vehicle" | "car" | "van" | "truck" | "bus" | "dog" | "animal" | "bag" | "unknown";
        /** ClipBody */
        ClipBody: {
            /** Cameras */
            cameras: string[];
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * @description Absent: MP4 for one camera, ZIP for several
             * @default null
             */
            format?: components["schemas"]["ClipFormat"] | null;
            /**
             * Reason
             * @description Why it leaves the station; audited
             */
            reason: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
            /**
             * @description Absent: main, if it is recorded
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
        };
        /** ClipCameraView */
        ClipCameraView: {
            /**
             * Bytes
             * @description Estimated from the index; the file differs by its header
             */
            bytes: number;
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /** Recorded Seconds */
            recorded_seconds: number;
            /**
             * Spans
             * @description Recorded spans and gaps with causes, the first 5000
             */
            spans: components["schemas"]["LaneSpan"][];
            /** Stream */
            stream: string;
        };
        /**
         * ClipFormat
         * @description MP4: one file of one camera. ZIP: a file of each camera, gaps.csv, SHA256SUMS.
         * @enum {string}
         */
        ClipFormat: "mp4" | "zip";
        /**
         * ClipLimit
         * @description Which limit of the settings a range exceeds.
         * @enum {string}
         */
        ClipLimit: "hours" | "bytes";
        /** ClipPreview */
        ClipPreview: {
            /** Bytes */
            bytes: number;
            /** Cameras */
            cameras: components["schemas"]["ClipCameraView"][];
            /** Exceeds */
            exceeds: components["schemas"]["ClipLimit"][];
            /** Max Bytes */
            max_bytes: number;
            /** Max Hours */
            max_hours: number;
            /** Seconds */
            seconds: number;
        };
        /** ClipRange */
        ClipRange: {
            /** Cameras */
            cameras: string[];
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
            /**
             * @description Absent: main, if it is recorded
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
        };
        /** ClockConfirmBody */
        ClockConfirmBody: {
            /**
             * Reason
             * @description Reference that the time was compared with
             */
            reason: string;
        };
        /** CloseBody */
        CloseBody: {
            /**
             * Duplicate Of
             * @description The other alert, of a duplicate
             * @default null
             */
            duplicate_of?: number | null;
            /** Note */
            note: string;
            outcome: components["schemas"]["AlertOutcome"];
        };
        /** CodeBody */
        CodeBody: {
            /**
             * Code
             * @description Six digits of the authenticator, or a recovery code
             */
            code: string;
            /**
             * Pending
             * @description As the answer to the password named it
             */
            pending: string;
        };
        /**
         * CodeNeededView
         * @description The password was right, and the account has a second factor.
         */
        CodeNeededView: {
            /**
             * Pending
             * @description To be sent with the code
             */
            pending: string;
            /**
             * Seconds
             * @description How long the code is awaited
             */
            seconds: number;
        };
        /**
         * ColourWord
         * @description The names of `Colour`.
         * @enum {string}
         */
        ColourWord: "black" | "grey" | "white" | "red" | "orange" | "yellow" | "green" | "cyan" | "blue" | "purple" | "pink" | "brown";
        /**
         * ConflictPreference
         * @description Whose value counts for a field that both the file and the registry changed.
         * @enum {string}
         */
        ConflictPreference: "file" | "registry";
        /** ContactBody */
        ContactBody: {
            /** Address */
            address: string;
            channel: components["schemas"]["ChannelKind"];
        };
        /** ContactView */
        ContactView: {
            /**
             * Address
             * @description Shortened: enough to recognise one's own
             */
            address: string;
            channel: components["schemas"]["ChannelKind"];
            /**
             * Since
             * Format: date-time
             */
            since: string;
            /**
             * Until
             * @description Used until then, because it was changed or withdrawn; null: it stays
             */
            until: string | null;
        };
        /** ContractorStep */
        ContractorStep: {
            /**
             * Cost
             * @default null
             */
            cost?: number | null;
            /**
             * State
             * @enum {string}
             */
            state: "working" | "parts" | "verifying" | "refused";
            /**
             * Text
             * @default
             */
            text?: string;
        };
        /**
         * ControlPoint
         * @description A point of the aerial picture whose place is known.
         */
        ControlPoint: {
            /** Latitude */
            latitude: number;
            /** Longitude */
            longitude: number;
            /**
             * X
             * @description Fraction of the picture's width, from its left edge
             */
            x: number;
            /**
             * Y
             * @description Fraction of its height, from its upper edge
             */
            y: number;
        };
        /** CostBody */
        CostBody: {
            /** Cost */
            cost: number;
            /**
             * Text
             * @description Why it is entered now or corrected
             * @default
             */
            text?: string;
        };
        /** Count */
        Count: {
            /** Done */
            done: number;
        };
        /** CountsReply */
        CountsReply: {
            /** By Camera */
            by_camera: {
                [key: string]: number;
            };
            /** By Time */
            by_time: {
                [key: string]: number;
            };
            /**
             * More
             * @description More sightings exist; only the newest were counted
             */
            more: boolean;
            /** Total */
            total: number;
        };
        /** CreateBody */
        CreateBody: {
            /**
             * Assignee
             * @default
             */
            assignee?: string;
            /** Faults */
            faults: number[];
            /**
             * Text
             * @default
             */
            text?: string;
            /**
             * Vendor
             * @default
             */
            vendor?: string;
        };
        /** Created */
        Created: {
            /** Id */
            id: string;
        };
        /** CredentialBody */
        CredentialBody: {
            /** Name */
            name: string;
            /**
             * Password
             * Format: password
             */
            password: string;
            /** Reason */
            reason: string;
            /** Username */
            username: string;
        };
        /** CredentialReply */
        CredentialReply: {
            /** Credential */
            credential: string;
        };
        /** CredentialView */
        CredentialView: {
            /**
             * Cameras
             * @description Cameras in use that use it, within the account's villages
             */
            cameras: number;
            /** Name */
            name: string;
            /** Password Set */
            password_set: boolean;
            /**
             * Refused
             * @description Of these, those that refused it
             */
            refused: number;
            /** Username */
            username: string;
        };
        /** DayFigures */
        DayFigures: {
            /** Day */
            day: string;
            /** Figures */
            figures: {
                [key: string]: unknown;
            };
            /** Kind */
            kind: components["schemas"]["FiguresKind"] | "camera";
            /** Name */
            name: string;
        };
        /** DayQuery */
        DayQuery: {
            /**
             * Day
             * @default null
             */
            day?: string | null;
        };
        /**
         * DayRates
         * @description The rates of a past day, 0…1; None: unknown, or the day is not written yet.
         */
        DayRates: {
            /** Day */
            day: string;
            /** Intact */
            intact: number | null;
            /** Online */
            online: number | null;
            /** Recorded */
            recorded: number | null;
        };
        /**
         * DayResult
         * @description What a day's inspections say about a fault of a camera.
         * @enum {string}
         */
        DayResult: "found" | "other" | "clean" | "unknown";
        /** DaysQuery */
        DaysQuery: {
            /**
             * Camera
             * @description Ids of one to nine cameras, with commas between them
             */
            camera: string;
            /**
             * Month
             * @description YYYY-MM, in the station's time zone
             */
            month: string;
            /**
             * @description Absent: main, if it is recorded
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
        };
        /** DaysReply */
        DaysReply: {
            /** Cameras */
            cameras: components["schemas"]["CameraDaysView"][];
            /** Month */
            month: string;
            /**
             * Playable From
             * @description The account may not play older footage; null: no such limit
             */
            playable_from: string | null;
            /** Zone */
            zone: string;
        };
        /** DayView */
        DayView: {
            /** Day */
            day: string;
            /** Digest */
            digest: string | null;
            /** Figures */
            figures: {
                [key: string]: unknown;
            };
            /**
             * Later
             * @default null
             */
            later: {
                [key: string]: unknown;
            } | null;
            /**
             * Over
             * @default false
             */
            over: boolean;
            /**
             * Patrolled
             * @default false
             */
            patrolled: boolean;
            /**
             * Problem
             * @description Difference from what was signed, as a sentence; empty: none
             * @default
             */
            problem: string;
            /**
             * Remark
             * @default
             */
            remark: string;
            /** Signed At */
            signed_at: string | null;
            /** Signed By */
            signed_by: string | null;
            /**
             * Supplements
             * @default []
             */
            supplements: components["schemas"]["SupplementView"][];
        };
        /** DecisionBody */
        DecisionBody: {
            /** Approve */
            approve: boolean;
            /**
             * Auto Dispatch
             * @default false
             */
            auto_dispatch?: boolean;
        };
        /** DecisionsView */
        DecisionsView: {
            acceptances: components["schemas"]["Excerpt_AcceptanceLine"];
            moves: components["schemas"]["Excerpt_MoveLine"];
            /** @description Subjects of the watch list. Null: the account may not see them */
            proposals: components["schemas"]["Excerpt_ProposalLine"] | null;
        };
        /** DeclineBody */
        DeclineBody: {
            /**
             * At
             * @description When it was done, by the phone's clock; absent: now
             * @default null
             */
            at?: string | null;
            /**
             * Client Id
             * Format: uuid
             * @description Of this step; the same whenever it is sent again
             */
            client_id: string;
            /**
             * Now
             * @description When it is sent, by the phone's clock
             * @default null
             */
            now?: string | null;
            /**
             * @description Where the phone is; absent: unknown
             * @default null
             */
            place?: components["schemas"]["PlaceBody"] | null;
            /** Reason */
            reason: string;
        };
        /**
         * DelayView
         * @description From the picture; null without any alert that came so far.
         */
        DelayView: {
            /** Count */
            count: number;
            /** Median S */
            median_s: number | null;
            /** P90 S */
            p90_s: number | null;
        };
        /** DeviceView */
        DeviceView: {
            /** Address */
            address: string;
            /** Camera */
            camera: string | null;
            /**
             * First Seen
             * Format: date-time
             */
            first_seen: string;
            /** Hardware */
            hardware: string;
            /**
             * Last Seen
             * Format: date-time
             */
            last_seen: string;
            /** Name */
            name: string;
            verdict: components["schemas"]["MatchKind"];
            /** Village */
            village: string | null;
        };
        /**
         * DirectionWord
         * @description The names of `Direction`.
         * @enum {string}
         */
        DirectionWord: "still" | "right" | "right_down" | "down" | "left_down" | "left" | "left_up" | "up" | "right_up";
        /**
         * DiskOutlook
         * @description A disk. `days_left` until its free space is used up; None: unknown, because nothing is written to it.
         */
        DiskOutlook: {
            /** Days Left */
            days_left: number | null;
            /** Free Bytes */
            free_bytes: number;
            /** Path */
            path: string;
            state: components["schemas"]["VolumeState"];
            /** Total Bytes */
            total_bytes: number;
        };
        /**
         * Done
         * @description The answer of an operation that succeeded and has nothing more to say; its handler returns None.
         */
        Done: Record<string, never>;
        /**
         * DutiesView
         * @description Who holds which of the three duties that no account may combine (R-ROLE-2): enabled accounts, as log-in names.
         */
        DutiesView: {
            /** Audit */
            audit: string[];
            /**
             * Double
             * @description Run the system and manage the accounts, for want of the second
             */
            double: string[];
            /** Security */
            security: string[];
            /**
             * Separate
             * @description Whether each duty has an account of its own
             */
            separate: boolean;
            /** System */
            system: string[];
        };
        /** DutyBody */
        DutyBody: {
            /** On Duty */
            on_duty: boolean;
        };
        /** DutyUnit */
        DutyUnit: {
            /** Call Sign */
            call_sign: string;
            /** Id */
            id: number;
            /** Members */
            members: string[];
            /** Name */
            name: string;
            /** Villages */
            villages: string[] | null;
        };
        /** DutyView */
        DutyView: {
            /** On Duty */
            on_duty: boolean;
            /**
             * Since
             * @description Since when it is so; null: never on duty yet
             */
            since: string | null;
            /** @description Null: the officer belongs to no unit */
            unit: components["schemas"]["DutyUnit"] | null;
        };
        /** EndBody */
        EndBody: {
            /** Reason */
            reason: string;
        };
        /** EndedSessions */
        EndedSessions: {
            /** Ended */
            ended: number;
        };
        /**
         * EndingHoldLine
         * @description A hold whose footage is deleted when it ends. `reason`: empty for a case outside the account's villages.
         */
        EndingHoldLine: {
            /** Camera */
            camera: string;
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Id */
            id: number;
            /** Name */
            name: string;
            /** Reason */
            reason: string;
            /** Village */
            village: string;
        };
        /** EndSessionsBody */
        EndSessionsBody: {
            /** Reason */
            reason: string;
            /**
             * Session
             * @description Null: all
             * @default null
             */
            session?: string | null;
        };
        /**
         * EngineKind
         * @description An engine, as a stream's entry and its status name it.
         * @enum {string}
         */
        EngineKind: "auto" | "native" | "ffmpeg";
        /**
         * EnrolmentView
         * @description Shown once; the station keeps the secret sealed.
         */
        EnrolmentView: {
            /**
             * Secret
             * @description Base32, for typing into an authenticator
             */
            secret: string;
            /**
             * Svg
             * @description QR code of the address, an SVG image
             */
            svg: string;
            /**
             * Uri
             * @description otpauth:// address of the same
             */
            uri: string;
        };
        /**
         * ErrorReply
         * @description Every refusal and failure of the API.
         *
         *     A program decides by `code` and puts `params` into words; `message` is one English sentence for logs.
         */
        Error: {
            code: components["schemas"]["ErrorCode"];
            /** Message */
            message: string;
            params: components["schemas"]["ErrorParameters"];
        };
        /**
         * ErrorCode
         * @description An error's code, written as its value and the names of its parameters.
         * @enum {string}
         */
        ErrorCode: "invalid_input" | "invalid_request" | "not_found" | "forbidden" | "conflict" | "method_not_allowed" | "too_many_requests" | "internal" | "body_not_json" | "body_too_complex" | "body_too_deep" | "body_too_large" | "body_too_slow" | "body_incomplete" | "encoding_unsupported" | "connection_lost" | "value_refused" | "header_missing" | "cross_site" | "anonymous_limit" | "station_busy" | "station_starting" | "station_stopping" | "receiving_busy" | "too_many_sockets" | "sockets_opened_too_fast" | "events_read_too_slowly" | "sign_in_first" | "idle" | "too_old" | "revoked" | "replaced" | "password" | "second_factor" | "second_factor_code" | "second_factor_wrong" | "second_factor_expired" | "second_factor_missing" | "second_factor_exists" | "purpose" | "watching" | "permission_missing" | "sign_in_refused" | "sign_in_busy" | "sign_in_attempts" | "sign_in_address_blocked" | "session_changed" | "present_password_wrong" | "password_unchanged" | "password_too_short" | "account_not_found" | "account_exists" | "account_name_reserved" | "account_name_invalid" | "account_company_mismatch" | "account_scope_invalid" | "account_villages_required" | "account_villages_exclude_town" | "account_outside_villages" | "account_has_no_company" | "contact_address_invalid" | "contact_second_person" | "contact_unchanged" | "contact_missing" | "push_not_set_up" | "push_service_unknown" | "push_keys_invalid" | "contact_test_too_soon" | "own_account" | "last_administrator" | "last_security_administrator" | "storage_failed" | "disk_full" | "disk_not_answering" | "database_unreachable" | "database_locked" | "database_damaged" | "data_folder_in_use" | "audit_key_missing" | "secret_unreadable" | "certificate_unusable" | "backup_failed" | "task_failed" | "settings_invalid" | "inventory_invalid" | "operation_failed" | "no_own_authority" | "printer_busy" | "pdf_failed" | "pdf_fonts_missing" | "pdf_library_missing" | "pdf_package_missing" | "village_not_found" | "camera_not_found" | "camera_or_village_not_found" | "camera_entry_invalid" | "camera_retention_too_short" | "camera_address_invalid" | "camera_has_no_address" | "camera_has_no_credential" | "credential_not_found" | "credential_shared" | "credential_ambiguous" | "camera_name_required" | "field_not_edited" | "town_account_required" | "map_layer_not_found" | "map_layer_invalid" | "map_aerial_not_found" | "credential_not_in_village" | "inventory_conflict" | "too_many_retired" | "finding_not_found" | "device_not_found" | "device_not_identified" | "address_in_use" | "address_outside_villages" | "subnet_invalid" | "subnet_too_large" | "survey_town_only" | "work_running" | "acceptance_incomplete" | "acceptance_not_proposed" | "acceptance_same_person" | "place_unknown" | "mask_state_unknown" | "own_camera_account_busy" | "own_camera_account_failed" | "camera_failed" | "camera_unreachable" | "camera_connection_lost" | "camera_refused_credential" | "camera_needs_credential" | "camera_clear_password" | "camera_redirects" | "camera_declined" | "camera_protocol_error" | "camera_fault_answer" | "camera_operation_not_permitted" | "camera_transport_declined" | "camera_stream_stalled" | "camera_busy" | "camera_connect_limit" | "camera_service_not_found" | "camera_encoder_not_found" | "camera_masks_unsupported" | "other_device_answers" | "recorder_fault" | "no_ptz" | "ptz_taken" | "ptz_speed_invalid" | "preset_not_found" | "stream_not_found" | "stream_not_running" | "ticket_invalid" | "transcoders_busy" | "transcoders_reserved" | "footage_too_old_for_role" | "footage_not_kept" | "footage_unreadable" | "footage_changed" | "playlist_first" | "segment_not_found" | "nothing_recorded" | "nothing_recorded_at" | "nothing_recorded_lately" | "clip_needs_several_files" | "clip_exceeds_limit" | "mp4_holds_one_camera" | "strip_too_long" | "range_invalid" | "end_before_start" | "no_picture" | "no_current_picture" | "picture_not_kept" | "picture_not_decodable" | "stored_picture_unreadable" | "bookmark_not_found" | "bookmark_of_other_account" | "too_many_bookmarks" | "cameras_required" | "stream_needs_watermark" | "wall_view_not_found" | "too_many_wall_views" | "too_many_favourites" | "hold_not_found" | "hold_ended" | "hold_reason_required" | "hold_renewal_reason_required" | "retention_not_suspended" | "time_comparison_required" | "file_missing" | "file_too_large" | "file_not_stored" | "too_many_uploads" | "uploads_busy" | "picture_too_large" | "picture_too_many_pixels" | "picture_size_unusable" | "picture_format_unknown" | "fault_not_found" | "fault_picture_missing" | "family_required" | "round_waiting" | "maintenance_not_found" | "maintenance_target_required" | "order_not_found" | "order_step_refused" | "vendor_not_listed" | "vendor_inactive" | "order_closes_itself" | "order_assignee_required" | "order_reason_required" | "order_cost_negative" | "order_merge_target_required" | "order_of_other_company" | "faults_already_ordered" | "photo_not_found" | "too_many_photos" | "patrol_running" | "patrol_missing" | "day_not_over" | "day_not_begun" | "register_signed" | "register_not_signed" | "register_town_only" | "no_new_facts" | "period_invalid" | "village_figures_only" | "sighting_not_found" | "no_vector" | "example_required" | "box_invalid" | "box_incomplete" | "area_too_few_corners" | "area_invalid" | "filter_invalid" | "page_key_invalid" | "phrase_too_long" | "word_unknown" | "all_classes_excluded" | "too_many_cameras" | "time_zone_required" | "time_range_invalid" | "time_range_empty" | "heading_unknown" | "no_azimuth" | "compared_sets_count" | "motion_range_too_long" | "motion_search_running" | "motion_search_not_found" | "motion_search_ended" | "model_failed" | "model_not_installed" | "shift_taken_over" | "shift_note_empty" | "shift_not_taken" | "duty_desk_town_only" | "case_not_found" | "case_number_exists" | "case_village_required" | "case_villages_required" | "case_closed" | "case_closed_already" | "case_has_subjects" | "case_of_other_village" | "subject_not_found" | "subject_not_active" | "subject_not_in_village" | "subject_too_general" | "subject_villages_required" | "subject_not_renewable" | "subject_expiry_too_late" | "subject_expiry_past" | "subject_outside_villages" | "subject_word_unseen" | "too_many_examples" | "example_not_found" | "threshold_needs_approver" | "muting_not_found" | "muting_decided" | "proposal_decided" | "proposal_expired" | "second_person_required" | "alert_not_found" | "alert_already_decided" | "alert_subject_ended" | "alert_taken" | "alert_not_dispatched" | "alert_recall_too_late" | "alert_answer_unknown" | "alert_answer_refused" | "alert_photo_refused" | "alert_photos_full" | "fault_report_over" | "alert_camera_not_open" | "alert_decline_refused" | "alert_arrive_refused" | "alert_close_refused" | "alert_snooze_refused" | "alert_duplicate_invalid" | "client_id_reused" | "unit_not_found" | "unit_not_on_duty" | "unit_conflict" | "not_on_duty" | "camera_not_recorded" | "no_station_key" | "evidence_not_found" | "evidence_not_ended" | "evidence_not_yours" | "evidence_reason_required" | "evidence_no_approver" | "evidence_no_phone_approval" | "evidence_confirmed" | "evidence_hand_over_incomplete" | "evidence_incomplete" | "evidence_one_officer" | "evidence_case_required" | "evidence_in_future" | "evidence_too_long" | "evidence_cameras" | "evidence_state" | "evidence_second_person" | "evidence_decided" | "evidence_third_person";
        /**
         * ErrorParameters
         * @description What a sentence about an error names; `ErrorCode.parameters` lists those of each code.
         */
        ErrorParameters: {
            /** Account */
            account?: string;
            /** Address */
            address?: string;
            /** Allowed */
            allowed?: string[];
            /**
             * At
             * Format: date-time
             */
            at?: string;
            /** Camera */
            camera?: string;
            /** Channel */
            channel?: string;
            /** Count */
            count?: number;
            /** Day */
            day?: string;
            /** Days */
            days?: number;
            /** Done */
            done?: number;
            /** Fields */
            fields?: components["schemas"]["InputProblem"][];
            /** Height */
            height?: number;
            /** Hold */
            hold?: number;
            /** Hours */
            hours?: number;
            /** Kind */
            kind?: string;
            /** Lacks */
            lacks?: string[];
            /** Limit */
            limit?: number;
            /** Limit Mb */
            limit_mb?: number;
            /** Metres */
            metres?: number;
            /** Minimum */
            minimum?: number;
            /** Minutes */
            minutes?: number;
            /** Name */
            name?: string;
            /** Number */
            number?: string;
            /** Order */
            order?: number;
            /** Origin */
            origin?: string;
            /** Reference */
            reference?: string;
            /** Retry After S */
            retry_after_s?: number;
            /** Round */
            round?: number;
            /** Seconds */
            seconds?: number;
            /** Size Mb */
            size_mb?: number;
            /** State */
            state?: string;
            /** Subnet */
            subnet?: string;
            /** Total */
            total?: number;
            /** Value */
            value?: string;
            /** Village */
            village?: string;
            /** Width */
            width?: number;
        };
        /**
         * ExampleBody
         * @description Either a sighting, or a camera with a time and a box (x, y, w, h as fractions of the picture).
         */
        ExampleBody: {
            /**
             * At Us
             * @default null
             */
            at_us?: number | null;
            /**
             * Box
             * @default null
             */
            box?: number[] | null;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /** @default main */
            kind?: components["schemas"]["StreamKind"];
            /**
             * Sighting
             * @default null
             */
            sighting?: string | null;
        };
        /**
         * ExampleSource
         * @description Where an example picture comes from.
         * @enum {string}
         */
        ExampleSource: "sighting" | "frame" | "upload";
        /** ExampleView */
        ExampleView: {
            cls: components["schemas"]["ClassWord"];
            /**
             * Has Picture
             * @description Its picture is kept, and the account may see it
             */
            has_picture: boolean;
            /** Id */
            id: number;
            source: components["schemas"]["ExampleSource"];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_AcceptanceLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["AcceptanceLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_EndingHoldLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["EndingHoldLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_FaultLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["FaultLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_FindingLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["FindingLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_LateOrderLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["LateOrderLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_MoveLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["MoveLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_OfflineLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["OfflineLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_OpenAlertLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["OpenAlertLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_ProposalLine: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["ProposalLine"][];
        };
        /**
         * Excerpt
         * @description The first SHOWN lines of a part, and how many there are.
         */
        Excerpt_UnreachableOfficer: {
            /** Count */
            count: number;
            /** Items */
            items: components["schemas"]["UnreachableOfficer"][];
        };
        /**
         * ExpectedAlertsView
         * @description What a subject would have given lately.
         */
        ExpectedAlertsView: {
            /**
             * Alerts
             * @description Alerts, by the rules by which the matcher raises them
             */
            alerts: number;
            /**
             * By Camera
             * @description The cameras with the most alerts
             */
            by_camera: components["schemas"]["CameraAlerts"][];
            /**
             * Cameras
             * @description How many cameras are searched
             */
            cameras: number;
            /**
             * Complete
             * @description The whole day was counted
             */
            complete: boolean;
            /**
             * Newest
             * @description The newest that match; none without a purpose and `search`
             */
            newest: components["schemas"]["SightingView"][];
            /**
             * Observed
             * @description False: the cameras gave no sightings at all, so the count says nothing
             */
            observed: boolean;
            /**
             * Per Day
             * @description Alerts a day at that rate; null: unknown
             */
            per_day: number | null;
            /**
             * Sightings
             * @description Sightings that match, of which several may be one alert
             */
            sightings: number;
            /**
             * Since
             * Format: date-time
             * @description Counted from here to now; later than a day ago if there is too much to count
             */
            since: string;
            /**
             * Unseen
             * @description Words that no installed model pack tells
             */
            unseen: components["schemas"]["UnseenView"][];
            /**
             * Without Azimuth
             * @description Of them, those whose azimuth is unknown, where a heading is asked for
             */
            without_azimuth: number;
        };
        /**
         * Fact
         * @description One fact of the station: English sentences, and the codes of which other languages make theirs.
         */
        Fact: {
            /**
             * At
             * Format: date-time
             * @description When the check ran
             */
            at: string;
            check: components["schemas"]["CheckName"];
            code: components["schemas"]["CheckValue"];
            /**
             * Params
             * @description What the sentence about the code names
             */
            params: {
                [key: string]: string | number;
            };
            /**
             * Remedy
             * @description What to do; empty where nothing is to be done
             */
            remedy: string;
            remedy_code: components["schemas"]["CheckRemedy"] | null;
            /** Remedy Params */
            remedy_params: {
                [key: string]: string | number;
            };
            /**
             * Seconds
             * @description How long the check took
             */
            seconds: number;
            state: components["schemas"]["CheckState"];
            /**
             * Subject
             * @description What was checked: a folder, an interface …; may be empty
             */
            subject: string;
            /**
             * Value
             * @description What was found, with unit
             */
            value: string;
        };
        /**
         * FaultFamily
         * @description A kind of fault. The values are stored in the database and shown by the API.
         * @enum {string}
         */
        FaultFamily: "uplink" | "unreachable" | "auth" | "no_stream" | "flapping" | "low_fps" | "low_bitrate" | "loss" | "parameters" | "gop" | "corrupt" | "timestamps" | "gaps" | "retention" | "forecast" | "index" | "no_signal" | "black" | "frozen" | "blocking" | "covered" | "partial_occlusion" | "moved" | "blurred" | "blurred_part" | "overexposed" | "underexposed" | "haze" | "colour_cast" | "monochrome" | "noise" | "banding" | "shaking" | "clock" | "card" | "ptz" | "events" | "mark_time" | "mark_name" | "volume" | "patrol" | "register";
        /**
         * FaultLine
         * @description A fault that opened or closed in the shift. `name`: of the camera, up-link, switch or disk.
         */
        FaultLine: {
            /** Camera */
            camera: string;
            /** Closed At */
            closed_at: string | null;
            family: components["schemas"]["FaultFamily"];
            /** Id */
            id: number;
            /** Name */
            name: string;
            /** Opened At */
            opened_at: string | null;
            /** Order */
            order: number | null;
            /** Severity */
            severity: number;
            /** Village */
            village: string | null;
        };
        /**
         * FaultOutcome
         * @description What became of a fault: judgement of a person, or why the system ended it (NEW_VIEW, RETIRED).
         * @enum {string}
         */
        FaultOutcome: "real" | "false" | "watch" | "new_view" | "retired";
        /** FaultReportBody */
        FaultReportBody: {
            /**
             * At
             * @description The recorded moment that shows it; absent: now
             * @default null
             */
            at?: string | null;
            /** Camera */
            camera: string;
            /** @description A fault of a camera, not of an up-link or of the station */
            family: components["schemas"]["FaultFamily"];
            /**
             * Note
             * @default
             */
            note?: string;
        };
        /**
         * FaultStatus
         * @description State of a fault.
         * @enum {string}
         */
        FaultStatus: "suspect" | "open" | "recovering" | "closed" | "dismissed";
        /**
         * FaultVerdict
         * @description A person's verdict, as it is given.
         * @enum {string}
         */
        FaultVerdict: "real" | "false" | "watch" | "acknowledge" | "new_view";
        /** FaultView */
        FaultView: {
            /** Acknowledged By */
            acknowledged_by: string | null;
            /** Camera */
            camera: string;
            /** Camera Name */
            camera_name: string;
            /** Chinese */
            chinese: string;
            /** Closed At */
            closed_at: string | null;
            family: components["schemas"]["FaultFamily"];
            /** Figures */
            figures: {
                [key: string]: unknown;
            };
            /**
             * First Seen
             * Format: date-time
             */
            first_seen: string;
            /** Has Picture */
            has_picture: boolean;
            /** Has Reference */
            has_reference: boolean;
            /** Id */
            id: number;
            /**
             * Note
             * @description Words of that person
             */
            note: string;
            /** Opened At */
            opened_at: string | null;
            /** Order */
            order: number | null;
            /**
             * Reported By
             * @description The person who reported it; null: found by patrol
             */
            reported_by: string | null;
            /** Severity */
            severity: number;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["FaultStatus"] | string;
            /** Times */
            times: number;
            /**
             * Verdict
             * @description Text that is not listed comes from another release
             */
            verdict: components["schemas"]["FaultOutcome"] | string | null;
            /** Village */
            village: string;
        };
        /** FaultWeekView */
        FaultWeekView: {
            /**
             * Days
             * @description The last seven local days, oldest first; empty: of no camera
             */
            days: components["schemas"]["InspectedDayView"][];
            /**
             * References
             * @description A good picture by day and one by night, if kept
             */
            references: components["schemas"]["ReferencePictureView"][];
        };
        /**
         * FiguresKind
         * @description Whom the daily figures concern.
         * @enum {string}
         */
        FiguresKind: "town" | "village" | "vendor" | "sponsor";
        /** FiguresQuery */
        FiguresQuery: {
            /**
             * Before
             * @default null
             */
            before?: string | null;
            /** @default town */
            kind?: components["schemas"]["FiguresKind"];
            /**
             * Limit
             * @default 31
             */
            limit?: number;
            /**
             * Name
             * @default null
             */
            name?: string | null;
        };
        /**
         * Filter
         * @description All restrictions of a search; empty fields do not restrict.
         */
        Filter: {
            /**
             * Area
             * @description Polygon in the picture, 0…1: where it stood
             */
            area: number[][];
            /** Attributes */
            attributes: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids
             */
            cameras: string[];
            /** Cls */
            cls: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions: components["schemas"]["DirectionWord"][];
            /**
             * End
             * @default null
             */
            end: string | null;
            /**
             * @description On the compass; cameras whose azimuth is known
             * @default null
             */
            heading: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared: boolean;
            /** Lacking */
            lacking: components["schemas"]["AttributeWord"][];
            /** Lower */
            lower: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; cameras in it
             */
            map_area: number[][];
            /**
             * Max Height
             * @default 1
             */
            max_height: number;
            /**
             * Min Dwell
             * @description Seconds
             * @default 0
             */
            min_dwell: number;
            /**
             * Min Height
             * @description Of the picture
             * @default 0
             */
            min_height: number;
            /**
             * Min Score
             * @default 0
             */
            min_score: number;
            /**
             * Nightly
             * @description Every night from-to, local time
             * @default null
             */
            nightly: string | null;
            /**
             * Not Cls
             * @description Classes that are left out
             */
            not_cls: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower: components["schemas"]["ColourWord"][];
            /**
             * Not Upper
             * @description None of these as the strongest colour; what has no colour is left out too
             */
            not_upper: components["schemas"]["ColourWord"][];
            /**
             * Plate
             * @description A part of it; with * at the end its beginning, at the start its end
             * @default
             */
            plate: string;
            /** Speeds */
            speeds: components["schemas"]["SpeedWord"][];
            /**
             * Start
             * @default null
             */
            start: string | null;
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper: components["schemas"]["ColourWord"][];
            /**
             * Villages
             * @description Village codes
             */
            villages: string[];
        };
        /**
         * Filter
         * @description All restrictions of a search; empty fields do not restrict.
         */
        FilterInput: {
            /**
             * Area
             * @description Polygon in the picture, 0…1: where it stood
             */
            area?: number[][];
            /** Attributes */
            attributes?: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids
             */
            cameras?: string[];
            /** Cls */
            cls?: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions?: components["schemas"]["DirectionWord"][];
            /**
             * End
             * @default null
             */
            end?: string | null;
            /**
             * @description On the compass; cameras whose azimuth is known
             * @default null
             */
            heading?: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared?: boolean;
            /** Lacking */
            lacking?: components["schemas"]["AttributeWord"][];
            /** Lower */
            lower?: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; cameras in it
             */
            map_area?: number[][];
            /**
             * Max Height
             * @default 1
             */
            max_height?: number;
            /**
             * Min Dwell
             * @description Seconds
             * @default 0
             */
            min_dwell?: number;
            /**
             * Min Height
             * @description Of the picture
             * @default 0
             */
            min_height?: number;
            /**
             * Min Score
             * @default 0
             */
            min_score?: number;
            /**
             * Nightly
             * @description Every night from-to, local time
             * @default null
             */
            nightly?: string | null;
            /**
             * Not Cls
             * @description Classes that are left out
             */
            not_cls?: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower?: components["schemas"]["ColourWord"][];
            /**
             * Not Upper
             * @description None of these as the strongest colour; what has no colour is left out too
             */
            not_upper?: components["schemas"]["ColourWord"][];
            /**
             * Plate
             * @description A part of it; with * at the end its beginning, at the start its end
             * @default
             */
            plate?: string;
            /** Speeds */
            speeds?: components["schemas"]["SpeedWord"][];
            /**
             * Start
             * @default null
             */
            start?: string | null;
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper?: components["schemas"]["ColourWord"][];
            /**
             * Villages
             * @description Village codes
             */
            villages?: string[];
        };
        /**
         * FindingKind
         * @description What is wrong with a camera's security, identity or operation.
         * @enum {string}
         */
        FindingKind: "no_authentication" | "default_password" | "known_bad_firmware" | "credential_refused" | "identity_changed" | "certificate_changed" | "moved" | "clone" | "unknown_device" | "open_telnet" | "open_upnp" | "clock_wrong" | "zone_wrong" | "drift" | "tamper" | "video_loss" | "storage_failure" | "disk_full" | "ptz_failed" | "events_silent" | "filing_due" | "warranty_ends" | "contract_ends";
        /**
         * FindingLine
         * @description An open finding of the camera checks.
         */
        FindingLine: {
            /** Address */
            address: string;
            /** Camera */
            camera: string | null;
            /** Id */
            id: number;
            kind: components["schemas"]["FindingKind"];
            /** Name */
            name: string;
            /**
             * Opened At
             * Format: date-time
             */
            opened_at: string;
            /** Village */
            village: string | null;
        };
        /** FindingQuery */
        FindingQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Limit
             * @default 200
             */
            limit?: number;
        };
        /** FindingView */
        FindingView: {
            /** Address */
            address: string;
            /** Camera */
            camera: string | null;
            /** Detail */
            detail: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Id */
            id: number;
            /**
             * Kind
             * @description Text that is not listed comes from another release
             */
            kind: components["schemas"]["FindingKind"] | string;
            /**
             * Opened At
             * Format: date-time
             */
            opened_at: string;
            /** Village */
            village: string | null;
        };
        /**
         * GapCause
         * @description Why nothing is recorded. Errors of cameras carry the first group (core.errors).
         * @enum {string}
         */
        GapCause: "unreachable" | "auth_refused" | "no_packets" | "protocol_error" | "station_fault" | "no_keyframe" | "packet_loss" | "recorder_down" | "disk_full" | "disk_error" | "schedule" | "retention" | "clock_step";
        /** GivenCode */
        GivenCode: {
            /**
             * Code
             * @description Six digits of the authenticator, or a recovery code
             */
            code: string;
        };
        /** HandoverQuery */
        HandoverQuery: {
            /** @default current */
            changes?: components["schemas"]["ChangesOf"];
        };
        /** HandoverView */
        HandoverView: {
            /** @description Alerts that run, oldest first. Null: the account may not see them */
            alerts: components["schemas"]["Excerpt_OpenAlertLine"] | null;
            /**
             * Changes Since
             * Format: date-time
             * @description From when on changes are listed
             */
            changes_since: string;
            current: components["schemas"]["ShiftView"] | null;
            decisions: components["schemas"]["DecisionsView"];
            /** @description Within 14 days. Null: the account may not see them */
            holds_ending: components["schemas"]["Excerpt_EndingHoldLine"] | null;
            /**
             * May Take Over
             * @description Whether the account may sign
             */
            may_take_over: boolean;
            previous: components["schemas"]["ShiftView"] | null;
            station: components["schemas"]["StationHandover"];
            /** @description Officers on duty whom no alert would reach. Null: the account may not see them */
            unreachable: components["schemas"]["Excerpt_UnreachableOfficer"] | null;
        };
        /**
         * HeadingWord
         * @description Directions on the map, clockwise in steps of 45° from north.
         * @enum {string}
         */
        HeadingWord: "north" | "northeast" | "east" | "southeast" | "south" | "southwest" | "west" | "northwest";
        /** HistoryQuery */
        HistoryQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Limit
             * @default 100
             */
            limit?: number;
        };
        /** HoldBody */
        HoldBody: {
            /** Camera */
            camera: string;
            /**
             * Case
             * @description The case that needs it, of the camera's village or of the whole town
             * @default null
             */
            case?: number | null;
            /**
             * Days
             * @description How long it holds
             * @default 180
             */
            days?: number;
            /**
             * End
             * Format: date-time
             */
            end: string;
            /** Reason */
            reason: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /** HoldQuery */
        HoldQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Ended
             * @description Those that were released or have expired, instead of those in force
             * @default false
             */
            ended?: boolean;
            /**
             * Limit
             * @default 50
             */
            limit?: number;
        };
        /** HoldView */
        HoldView: {
            /**
             * Bytes
             * @description Bytes that it protects now; null: too many segments to sum for a list
             */
            bytes: number | null;
            /** Camera */
            camera: string;
            /** Camera Name */
            camera_name: string;
            /** Case */
            case: number | null;
            /** Case Closed At */
            case_closed_at: string | null;
            /**
             * Case Number
             * @description Empty: of no case, or of one outside the account's villages
             */
            case_number: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Ends Soon
             * @description Within 14 days: review or release it
             */
            ends_soon: boolean;
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Id */
            id: number;
            /** Owner */
            owner: string;
            /**
             * Reason
             * @description Empty where it is for a case outside the account's villages
             */
            reason: string;
            /** Released At */
            released_at: string | null;
            /**
             * Start
             * Format: date-time
             */
            start: string;
            /** Village */
            village: string;
        };
        /** IdentifyBody */
        IdentifyBody: {
            /** Cameras */
            cameras?: string[];
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /** ImportBody */
        ImportBody: {
            /**
             * Commit
             * @description Add the cameras; otherwise only say what would happen
             * @default false
             */
            commit?: boolean;
            /**
             * Name
             * @description Name of the file, for messages and the history
             */
            name: string;
            /**
             * Text
             * @description Its content: CSV with a line of headings
             */
            text: string;
        };
        /** ImportLineView */
        ImportLineView: {
            /** Camera */
            camera: string;
            /**
             * Differences
             * @description Of a known camera: field → (registry, list)
             */
            differences: {
                [key: string]: string[];
            };
            /** Line */
            line: number;
            /** Name */
            name: string;
            outcome: components["schemas"]["ImportOutcome"];
            /** Problems */
            problems: string[];
            /** Village */
            village: string;
        };
        /**
         * ImportOutcome
         * @enum {string}
         */
        ImportOutcome: "added" | "known" | "refused";
        /** ImportReply */
        ImportReply: {
            /** Added */
            added: number;
            /** Committed */
            committed: boolean;
            /** Known */
            known: number;
            /** Lines */
            lines: components["schemas"]["ImportLineView"][];
            /** Refused */
            refused: number;
        };
        /**
         * IndexingLag
         * @description Lag of the streams being recorded.
         *
         *     `behind_seconds`: of the worst stream, None if no stream that is recorded is indexed; `skipped_seconds`: skipped in
         *     total; `quarantined`: number of streams left out.
         */
        IndexingLag: {
            /** Behind Seconds */
            behind_seconds: number | null;
            /** Quarantined */
            quarantined: number;
            /** Skipped Seconds */
            skipped_seconds: number;
        };
        /**
         * InputLimits
         * @description The limits that a field does not keep; only those that apply.
         */
        InputLimits: {
            /** Allowed */
            allowed?: string[];
            /** Maximum */
            maximum?: number;
            /** Minimum */
            minimum?: number;
        };
        /**
         * InputProblem
         * @description What is wrong with one field. `path`: names and list positions joined by dots, like `area.0.1`.
         */
        InputProblem: {
            kind: components["schemas"]["InputProblemKind"];
            limits: components["schemas"]["InputLimits"];
            /** Path */
            path: string;
        };
        /**
         * InputProblemKind
         * @description Why a field of a request is invalid.
         * @enum {string}
         */
        InputProblemKind: "missing" | "unknown_field" | "too_short" | "too_long" | "too_small" | "too_large" | "not_among" | "wrong_type" | "wrong_format" | "wrong_characters" | "not_finite" | "no_time_zone" | "time_out_of_range" | "not_allowed";
        /** InspectedDayView */
        InspectedDayView: {
            /**
             * Day
             * Format: date
             */
            day: string;
            /**
             * Families
             * @description Everything that was found on that day, the most frequent first
             */
            families: components["schemas"]["FaultFamily"][];
            /**
             * Found
             * @description Inspections that found this fault
             */
            found: number;
            /** Inspections */
            inspections: number;
            /**
             * Judged
             * @description Inspections that could say whether it was there
             */
            judged: number;
            /**
             * Picture
             * @description Inspection whose picture is kept; null: none, or not for this account
             */
            picture: number | null;
            /** Picture At */
            picture_at: string | null;
            /** @description unknown: no inspection on that day, or none that could judge this fault */
            result: components["schemas"]["DayResult"];
        };
        /**
         * InspectionCoverage
         * @description Cameras in use, and those of them that were not inspected within a day.
         */
        InspectionCoverage: {
            /** Cameras */
            cameras: number;
            /** Last */
            last: string | null;
            /** Never */
            never: number;
            /** Not Inspected */
            not_inspected: number;
            /** Since */
            since: string | null;
        };
        /** InventoryApplyBody */
        InventoryApplyBody: {
            /**
             * Confirm Retiring
             * @description Even if more than 5 % of the cameras would be retired
             * @default false
             */
            confirm_retiring?: boolean;
            /**
             * @description Which side wins where both changed a field
             * @default null
             */
            prefer?: components["schemas"]["ConflictPreference"] | null;
            /**
             * Text
             * @description Content of an inventory file (YAML)
             */
            text: string;
        };
        /** InventoryBody */
        InventoryBody: {
            /**
             * Text
             * @description Content of an inventory file (YAML)
             */
            text: string;
        };
        /** InventoryText */
        InventoryText: {
            /** Text */
            text: string;
        };
        /**
         * Item
         * @description The items of the checklist, in their order.
         * @enum {string}
         */
        Item: "reachable" | "credential" | "identity" | "streams" | "picture" | "clock" | "configuration" | "acceptance";
        /**
         * ItemState
         * @description State of one item. TODO: nobody and nothing has checked it yet.
         * @enum {string}
         */
        ItemState: "ok" | "failed" | "todo";
        /**
         * JobKind
         * @enum {string}
         */
        JobKind: "" | "survey" | "identify";
        JsonValue: unknown;
        /** JudgedView */
        JudgedView: {
            /** False */
            false: number;
            /** Name */
            name: string;
            /** True */
            true: number;
            /**
             * Unknown
             * @description Nobody has judged these, or they repeat other alerts
             */
            unknown: number;
        };
        /** JudgementBody */
        JudgementBody: {
            verdict: components["schemas"]["SightingVerdict"];
        };
        /** KeepBody */
        KeepBody: {
            /** Name */
            name: string;
        };
        /** LaneSpan */
        LaneSpan: {
            /**
             * Cause
             * @description Why nothing is recorded; empty: recorded; other: a cause that another release stored
             */
            cause: components["schemas"]["GapCause"] | ("" | "other");
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /** LanesQuery */
        LanesQuery: {
            /**
             * Buckets
             * @default 480
             */
            buckets?: number;
            /** Camera */
            camera: string;
            /**
             * From
             * Format: date-time
             */
            from: string;
            /**
             * @description Absent: main, if it is recorded
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
            /**
             * To
             * Format: date-time
             */
            to: string;
        };
        /** LanesReply */
        LanesReply: {
            /**
             * Alerts
             * @description The newest 500
             */
            alerts: components["schemas"]["AlertMark"][];
            /** Bucket Seconds */
            bucket_seconds: number;
            /** Camera */
            camera: string;
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Marks
             * @description The first 500
             */
            marks: components["schemas"]["BookmarkView"][];
            motion: components["schemas"]["MotionLane"];
            /**
             * Playable From
             * @description The account may not play older footage; null: no such limit
             */
            playable_from: string | null;
            sightings: components["schemas"]["SightingLane"];
            /** Spans */
            spans: components["schemas"]["LaneSpan"][];
            /**
             * Spans Until
             * Format: date-time
             * @description Earlier than `end`: there are more spans; ask again from here
             */
            spans_until: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
            /** Stream */
            stream: string;
        };
        /**
         * LateOrderLine
         * @description A work order past a deadline: of the response, or of the repair.
         */
        LateOrderLine: {
            /**
             * Due
             * Format: date-time
             */
            due: string;
            /** Id */
            id: number;
            /** Severity */
            severity: number;
            state: components["schemas"]["OrderState"];
            /** Title */
            title: string;
            /** Vendor */
            vendor: string;
            /** Village */
            village: string | null;
        };
        /** LayerView */
        LayerView: {
            /**
             * Bounds
             * @description West, south, east, north in degrees (WGS 84)
             */
            bounds: number[] | null;
            /** Bytes */
            bytes: number;
            /**
             * Changed At
             * @description When its file was changed; null: made from the registry
             */
            changed_at: string | null;
            /** Features */
            features: number;
            name: components["schemas"]["MapLayer"];
            /**
             * Problem
             * @description Why it is not served; empty: it is
             */
            problem: string;
        };
        /** LearningCameraView */
        LearningCameraView: {
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /**
             * Since
             * Format: date-time
             */
            since: string;
            /** Village */
            village: string;
        };
        /** LearningView */
        LearningView: {
            /**
             * Count
             * @description Cameras whose view is not learned yet: their pictures are hardly judged
             */
            count: number;
            /**
             * Overdue
             * @description The first that have been learning for too long
             */
            overdue: components["schemas"]["LearningCameraView"][];
            /** Overdue Count */
            overdue_count: number;
            /**
             * Until
             * @description When the last of them is expected to be ready
             */
            until: string | null;
        };
        /**
         * Light
         * @description Light of an inspected picture.
         * @enum {string}
         */
        Light: "day" | "night" | "";
        /** LookBackBody */
        LookBackBody: {
            /** Hours */
            hours: number;
        };
        /** MaintenanceBody */
        MaintenanceBody: {
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /** Hours */
            hours: number;
            /** Reason */
            reason: string;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /** MaintenanceView */
        MaintenanceView: {
            /** By */
            by: string;
            /** Camera */
            camera: string | null;
            /** Id */
            id: number;
            /** Reason */
            reason: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
            /**
             * Until
             * Format: date-time
             */
            until: string;
            /** Village */
            village: string | null;
        };
        /**
         * MapLayer
         * @enum {string}
         */
        MapLayer: "boundaries" | "roads" | "water" | "houses";
        /** MapReply */
        MapReply: {
            /**
             * Boundaries
             * @description Village code to polygon, lon and lat
             */
            boundaries: {
                [key: string]: number[][];
            };
            /** Cameras */
            cameras: components["schemas"]["PlaceView"][];
        };
        /** MapView */
        MapView: {
            aerial: components["schemas"]["AerialView"] | null;
            /** Layers */
            layers: components["schemas"]["LayerView"][];
            /** @description Only if the station's settings name a service */
            wmts: components["schemas"]["WmtsView"] | null;
        };
        /**
         * MaskState
         * @description Whether the camera's picture needs privacy masks, and where they are.
         * @enum {string}
         */
        MaskState: "none_needed" | "in_camera";
        /**
         * MatchKind
         * @description How a device that answered discovery relates to the cameras of the registry.
         * @enum {string}
         */
        MatchKind: "known" | "first" | "moved" | "replaced" | "clone" | "new";
        /** Me */
        Me: {
            /**
             * Ask After Seconds
             * @description After this many seconds without input a page with video asks whether somebody is watching
             */
            ask_after_seconds: number;
            /** Display Name */
            display_name: string;
            /** Has Second Factor */
            has_second_factor: boolean;
            /**
             * Must Change
             * @description Somebody else set the password; other routes are refused until it is changed
             */
            must_change: boolean;
            /**
             * Must Enrol
             * @description The account needs a second factor; other routes are refused until it is set up
             */
            must_enrol: boolean;
            /** Name */
            name: string;
            /** Permissions */
            permissions: components["schemas"]["Permission"][];
            /** Purpose */
            purpose: string;
            /**
             * Recent Purpose
             * @description Purpose that this person stated in another session within twelve hours; may be empty
             */
            recent_purpose: string;
            role: components["schemas"]["Role"];
            second_factor_policy: components["schemas"]["SecondFactorPolicy"];
            /** Station */
            station: string;
            /**
             * Time Zone
             * @description IANA name of the station's time zone, in which all times are shown
             */
            time_zone: string;
            /** Villages */
            villages: string[] | null;
        };
        /** MeetingView */
        MeetingView: {
            /** Likeness */
            likeness: number;
            /** Sightings */
            sightings: components["schemas"]["SightingView"][];
        };
        /**
         * MissingFact
         * @description What somebody must still record before anybody can sign, in the order of collection.
         * @enum {string}
         */
        MissingFact: "places" | "field_of_view" | "masks" | "sign_photo" | "legal_class" | "responsible";
        /** ModelView */
        ModelView: {
            /** Licence */
            licence: string;
            /**
             * Name
             * @description Id and version of the pack
             */
            name: string;
            /** Task */
            task: string;
        };
        /** MotionBody */
        MotionBody: {
            /**
             * Area
             * @description Polygon, 0…1; empty: everywhere
             */
            area?: number[][];
            /** Camera */
            camera: string;
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /** MotionLane */
        MotionLane: {
            /**
             * Shares
             * @description Per bucket 0 (quiet) … 1 (busy), from the size of the recording; null: unknown
             */
            shares: (number | null)[];
            /** @description Why nothing is known; null: something is */
            unknown_because: components["schemas"]["ActivityProblem"] | null;
        };
        /** MotionView */
        MotionView: {
            /** Camera */
            camera: string;
            /**
             * Done
             * @description 0…1
             */
            done: number;
            /** Found */
            found: components["schemas"]["MovedView"][];
            /** Id */
            id: number;
            /** Keyframes */
            keyframes: number;
            /** More */
            more: boolean;
            /** Problem */
            problem: string;
            /** Running */
            running: boolean;
        };
        /** MovedView */
        MovedView: {
            /** Box */
            box: number[];
            /**
             * End
             * Format: date-time
             */
            end: string;
            /** Share */
            share: number;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /**
         * MoveLine
         * @description A camera at another address, which a person must confirm. `followed`: the station uses the address already.
         */
        MoveLine: {
            /** Address */
            address: string;
            /** Camera */
            camera: string;
            /** Finding */
            finding: number;
            /** Followed */
            followed: boolean;
            /** Name */
            name: string;
            /**
             * Opened At
             * Format: date-time
             */
            opened_at: string;
            /** Village */
            village: string;
            /** Was */
            was: string;
        };
        /** MutingBody */
        MutingBody: {
            /** Accept */
            accept: boolean;
        };
        /**
         * MutingState
         * @description proposed → accepted, or proposed → dismissed.
         * @enum {string}
         */
        MutingState: "proposed" | "accepted" | "dismissed";
        /** MutingView */
        MutingView: {
            /** Camera */
            camera: string;
            /** Decided By */
            decided_by: string | null;
            /**
             * Ends At
             * Format: date-time
             */
            ends_at: string;
            /** False Alarms */
            false_alarms: number;
            /** Id */
            id: number;
            state: components["schemas"]["MutingState"];
            /** Subject */
            subject: number;
            /** Title */
            title: string;
            /** Village */
            village: string;
        };
        /** NeighbourQuery */
        NeighbourQuery: {
            /**
             * At
             * @description When somebody left the picture; absent: now
             * @default null
             */
            at?: string | null;
            /**
             * Limit
             * @default 8
             */
            limit?: number;
        };
        /** NeighboursReply */
        NeighboursReply: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Camera */
            camera: string;
            /**
             * Has Position
             * @description False: the camera itself has no position, so there are no neighbours
             */
            has_position: boolean;
            /** Neighbours */
            neighbours: components["schemas"]["NeighbourView"][];
            /**
             * Positions Known
             * @description False: no camera of the account's villages has a position
             */
            positions_known: boolean;
            /**
             * Without Position
             * @description Further cameras in the account's villages whose position is unknown
             */
            without_position: number;
        };
        /** NeighbourView */
        NeighbourView: {
            /** Arrivals */
            arrivals: components["schemas"]["ArrivalView"][];
            /**
             * Bearing
             * @description Degrees clockwise from north
             */
            bearing: number;
            /** Camera */
            camera: string;
            /**
             * Faces
             * @description Direction in which the camera looks; null: unknown
             */
            faces: number | null;
            /**
             * Metres
             * @description Straight line; the latest arrival allows for roads that are longer
             */
            metres: number;
            /** Name */
            name: string;
            /** Village */
            village: string;
        };
        /** NewAccount */
        NewAccount: {
            /**
             * Display Name
             * @default
             */
            display_name?: string;
            /** Name */
            name: string;
            /**
             * Password
             * @description Initial password; must be changed at the first sign-in
             */
            password: string;
            /** Reason */
            reason: string;
            role: components["schemas"]["Role"];
            /**
             * Vendor
             * @default
             */
            vendor?: string;
            /**
             * Villages
             * @default null
             */
            villages?: string[] | null;
        };
        /** NewPassword */
        NewPassword: {
            /** Password */
            password: string;
            /** Reason */
            reason: string;
        };
        /** NextArrival */
        NextArrival: {
            /**
             * Earliest
             * Format: date-time
             */
            earliest: string;
            /**
             * Latest
             * Format: date-time
             */
            latest: string;
        };
        /**
         * NextCameraView
         * @description A camera on which the subject can be seen next, with its window on foot and on two wheels.
         */
        NextCameraView: {
            /**
             * Bearing
             * @description Degrees clockwise from north
             */
            bearing: number;
            /** Camera */
            camera: string;
            /**
             * Metres
             * @description Straight line; the latest arrival allows for roads that are longer
             */
            metres: number;
            /** Name */
            name: string;
            riding: components["schemas"]["NextArrival"];
            walking: components["schemas"]["NextArrival"];
        };
        /**
         * NoRateReason
         * @description Why there is no value.
         * @enum {string}
         */
        NoRateReason: "no_camera" | "not_observed" | "not_inspected" | "not_required" | "planned_work";
        /** NoteBody */
        NoteBody: {
            /** Text */
            text: string;
        };
        /** NoteView */
        NoteView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** By */
            by: string;
            /**
             * Step
             * @description Text that is not listed comes from another release
             */
            step: components["schemas"]["OrderStep"] | string;
            /** Text */
            text: string;
        };
        /**
         * OfferedUnitView
         * @description A unit as it is offered for an alert; the first is the best.
         */
        OfferedUnitView: {
            /** Call Sign */
            call_sign: string;
            /** Id */
            id: number;
            /**
             * In Area
             * @description The alert's village belongs to its area
             */
            in_area: boolean;
            /**
             * Metres
             * @description From the alert's camera, straight line; null: unknown
             */
            metres: number | null;
            /** Name */
            name: string;
            /**
             * On Duty
             * @description Its officers on duty; empty: it cannot be called
             */
            on_duty: string[];
            /**
             * Position At
             * @description When its position was told
             */
            position_at: string | null;
            /**
             * Taken
             * @description Open alerts that its officers have taken; 0: it is free
             */
            taken: number;
        };
        /**
         * OfflineLine
         * @description A camera that went offline in the shift.
         */
        OfflineLine: {
            /** Camera */
            camera: string;
            /** Cause */
            cause: components["schemas"]["GapCause"] | components["schemas"]["FaultFamily"] | null;
            /** Name */
            name: string;
            /** Since */
            since: string | null;
            /** Village */
            village: string;
        };
        /** OnboardingView */
        OnboardingView: {
            /** Cameras */
            cameras: components["schemas"]["CandidateView"][];
            /** Devices */
            devices: components["schemas"]["DeviceView"][];
            /** Items */
            items: components["schemas"]["Item"][];
            work: components["schemas"]["WorkView"];
        };
        /** OnDutyView */
        OnDutyView: {
            /** @description The present shift, without its notes; null: nobody signed yet */
            shift: components["schemas"]["ShiftView"] | null;
        };
        /**
         * OpenAlertLine
         * @description An alert that somebody must still act on, with its age in seconds.
         */
        OpenAlertLine: {
            /** Acked By */
            acked_by: string | null;
            /** Age Seconds */
            age_seconds: number;
            /** Camera */
            camera: string;
            /** Id */
            id: number;
            /** Name */
            name: string;
            /**
             * Raised At
             * Format: date-time
             */
            raised_at: string;
            /**
             * Seen At
             * Format: date-time
             */
            seen_at: string;
            state: components["schemas"]["AlertState"];
            /** Title */
            title: string;
            /** Village */
            village: string;
        };
        /** OrderDeadlines */
        OrderDeadlines: {
            /**
             * Escalated
             * @description The leader was told that the time to repair is over
             */
            escalated: boolean;
            /**
             * Late
             * @description The order is open and the time to repair is over
             */
            late: boolean;
            /**
             * Repair By
             * Format: date-time
             */
            repair_by: string;
            /**
             * Respond By
             * Format: date-time
             */
            respond_by: string;
            /**
             * Verified At
             * @description When a reported repair is confirmed; null: none is reported
             */
            verified_at: string | null;
            /**
             * Warned
             * @description Reminders sent, of two
             */
            warned: number;
        };
        /** OrderFault */
        OrderFault: {
            /** Camera */
            camera: string;
            /** Closed At */
            closed_at: string | null;
            /** Family */
            family: components["schemas"]["FaultFamily"] | string;
            /**
             * Has Picture
             * @description GET /api/faults/{id}/picture shows it
             */
            has_picture: boolean;
            /** Has Reference */
            has_reference: boolean;
            /** Id */
            id: number;
            /** Opened At */
            opened_at: string | null;
            /** Severity */
            severity: number;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["FaultStatus"] | string;
        };
        /** OrderFile */
        OrderFile: {
            /** Faults */
            faults: components["schemas"]["OrderFault"][];
            /** Notes */
            notes: components["schemas"]["NoteView"][];
            order: components["schemas"]["OrderView"];
            /** Photos */
            photos: number[];
        };
        /** OrderMoveBody */
        OrderMoveBody: {
            /**
             * Assignee
             * @default
             */
            assignee?: string;
            /**
             * Cost
             * @default null
             */
            cost?: number | null;
            /**
             * Into
             * @default null
             */
            into?: number | null;
            /** Orders */
            orders: number[];
            state: components["schemas"]["OrderState"];
            /**
             * Text
             * @default
             */
            text?: string;
            /**
             * Vendor
             * @default
             */
            vendor?: string;
        };
        /** OrderQuery */
        OrderQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /**
             * End
             * @description Created before this time
             * @default null
             */
            end?: string | null;
            /**
             * Limit
             * @default 100
             */
            limit?: number;
            /**
             * Over
             * @description Closed and merged orders instead of the open ones
             * @default false
             */
            over?: boolean;
            /**
             * Start
             * @description Created at or after this time
             * @default null
             */
            start?: string | null;
            /** @default null */
            state?: components["schemas"]["OrderState"] | null;
            /**
             * Text
             * @description Part of title, company or assignee
             * @default null
             */
            text?: string | null;
            /**
             * Vendor
             * @default null
             */
            vendor?: string | null;
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /**
         * OrderState
         * @description State of a work order.
         * @enum {string}
         */
        OrderState: "new" | "assigned" | "working" | "parts" | "verifying" | "closed" | "refused" | "merged";
        /**
         * OrderStep
         * @description What happened to a work order: its new state, or one of the first four.
         *
         *     The states are those of `OrderState`, with the same texts: an enumeration with members cannot be extended.
         * @enum {string}
         */
        OrderStep: "created" | "reopened" | "reminded" | "corrected" | "new" | "assigned" | "working" | "parts" | "verifying" | "closed" | "refused" | "merged";
        /** OrderView */
        OrderView: {
            /** Assignee */
            assignee: string;
            /** Camera */
            camera: string | null;
            /**
             * Camera Name
             * @description Empty: several cameras, or a camera that is gone
             */
            camera_name: string;
            /** Closed At */
            closed_at: string | null;
            /** Cost */
            cost: number | null;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            deadlines: components["schemas"]["OrderDeadlines"];
            /** Id */
            id: number;
            /** Late */
            late: boolean;
            /**
             * Mend By
             * Format: date-time
             */
            mend_by: string;
            /** Mended At */
            mended_at: string | null;
            /** Merged Into */
            merged_into: number | null;
            /** Reminded */
            reminded: number;
            /** Reopened */
            reopened: number;
            /**
             * Respond By
             * Format: date-time
             */
            respond_by: string;
            /** Severity */
            severity: number;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["OrderState"] | string;
            /** Title */
            title: string;
            /** Vendor */
            vendor: string;
            /** Village */
            village: string | null;
            /** Warranty */
            warranty: boolean;
            /**
             * Warranty Until
             * @description Of its camera, as the file says now; null: not known
             */
            warranty_until: string | null;
        };
        /** OutlookView */
        OutlookView: {
            /** By Quota */
            by_quota: boolean;
            /**
             * Days Until Short
             * @description Days until footage is deleted earlier than required; null: it is not
             */
            days_until_short: number | null;
            /**
             * Possible Days
             * @description Days that footage can be kept; null: unknown, because nothing is recorded
             */
            possible_days: number | null;
            /** Required Days */
            required_days: number;
            /** Village */
            village: string;
        };
        /** OwnContacts */
        OwnContacts: {
            /**
             * Channels
             * @description Those that the station has, with which persons are reached
             */
            channels: components["schemas"]["ChannelKind"][];
            /**
             * Contacts
             * @description In use, oldest first
             */
            contacts: components["schemas"]["ContactView"][];
        };
        /** OwnCostBody */
        OwnCostBody: {
            /** Cost */
            cost: number;
        };
        /** OwnOrder */
        OwnOrder: {
            /** Camera */
            camera: string;
            /** Closed At */
            closed_at: string | null;
            /** Cost */
            cost: number | null;
            /** Has Still */
            has_still: boolean;
            /** Id */
            id: number;
            /** Late */
            late: boolean;
            /**
             * Mend By
             * Format: date-time
             */
            mend_by: string;
            /** Photos */
            photos: number[];
            /** Place */
            place: string;
            /** Reopened */
            reopened: number;
            /**
             * Respond By
             * Format: date-time
             */
            respond_by: string;
            /** Severity */
            severity: number;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["OrderState"] | string;
            /** Title */
            title: string;
            /** Village */
            village: string;
            /** Warranty */
            warranty: boolean;
        };
        /** PasswordBody */
        PasswordBody: {
            /** New */
            new: string;
            /** Present */
            present: string;
        };
        /** PathPoint */
        PathPoint: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** H */
            h: number;
            /** X */
            x: number;
            /** Y */
            y: number;
        };
        /** PatrolQuery */
        PatrolQuery: {
            /**
             * Before
             * @default null
             */
            before?: number | null;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /**
             * Closed
             * @default false
             */
            closed?: boolean;
            /**
             * Limit
             * @default 100
             */
            limit?: number;
        };
        /** PatrolView */
        PatrolView: {
            /** Faults */
            faults: components["schemas"]["FaultView"][];
            /** @description How many cameras were not inspected for a day: an empty list of faults says nothing about them */
            inspections: components["schemas"]["InspectionCoverage"];
            learning: components["schemas"]["LearningView"];
            /** Next */
            next: number | null;
            round: components["schemas"]["RoundView"] | null;
        };
        /**
         * Permission
         * @enum {string}
         */
        Permission: "public" | "signed_in" | "camera.view" | "camera.manage" | "camera.accept" | "live.view" | "ptz.control" | "playback.view" | "patrol.view" | "patrol.run" | "order.own" | "search" | "case.view" | "case.manage" | "hold.manage" | "evidence.request" | "evidence.approve" | "watch.propose" | "watch.approve" | "alert.view" | "alert.confirm" | "alert.answer" | "unit.manage" | "report.view" | "account.manage" | "audit.view" | "api.view" | "station.view" | "retention.confirm";
        /** PersonView */
        PersonView: {
            /** Display Name */
            display_name: string;
            /**
             * Name
             * @description Account, as rows of other answers name it
             */
            name: string;
        };
        /** PhotoReply */
        PhotoReply: {
            /** Photo */
            photo: number;
        };
        /** PictureQuery */
        PictureQuery: {
            /**
             * Filter
             * @description A filter as JSON
             * @default {}
             */
            filter?: string;
            /**
             * H
             * @default null
             */
            h?: number | null;
            /**
             * Limit
             * @default 48
             */
            limit?: number;
            /**
             * W
             * @default null
             */
            w?: number | null;
            /**
             * X
             * @default null
             */
            x?: number | null;
            /**
             * Y
             * @default null
             */
            y?: number | null;
        };
        /** PlaceBody */
        PlaceBody: {
            /**
             * Accuracy M
             * @description Radius of 68 % confidence
             * @default null
             */
            accuracy_m?: number | null;
            /**
             * Latitude
             * @description Degrees north, WGS 84
             */
            latitude: number;
            /**
             * Longitude
             * @description Degrees east, WGS 84
             */
            longitude: number;
        };
        /** PlaceView */
        PlaceView: {
            /** Azimuth */
            azimuth: number | null;
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /** Position */
            position: number[] | null;
            /** Village */
            village: string;
        };
        /** PlanView */
        PlanView: {
            /** Added */
            added: string[];
            /** Applied */
            applied: boolean;
            /** Changed */
            changed: {
                [key: string]: string[];
            };
            /** Conflicts */
            conflicts: {
                [key: string]: string[];
            };
            /** Kept Retired */
            kept_retired: string[];
            /**
             * Last At
             * @description When a file was last applied; null: never
             */
            last_at: string | null;
            /** Last By */
            last_by: string;
            /** Not In File */
            not_in_file: string[];
            /** Retired */
            retired: string[];
        };
        /** PlaylistQuery */
        PlaylistQuery: {
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Keyframes
             * @default false
             */
            keyframes?: boolean;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /** PoleCamera */
        PoleCamera: {
            /** Camera */
            camera: string;
            /**
             * Families
             * @description Faults that can be reported from a phone
             */
            families: components["schemas"]["FaultFamily"][];
            /** Name */
            name: string;
            /** Site */
            site: string;
            /** Village */
            village: string;
        };
        /** PoleReport */
        PoleReport: {
            /** Camera */
            camera: string;
            /** Fault */
            fault: number;
        };
        /** PoleReportBody */
        PoleReportBody: {
            /** Camera */
            camera: string;
            family: components["schemas"]["FaultFamily"];
            /**
             * Note
             * @default
             */
            note?: string;
        };
        /**
         * PositionBody
         * @description Where a camera stands and what it covers. A field that is left out stays; null removes the value.
         */
        PositionBody: {
            /**
             * Azimuth
             * @description Degrees clockwise from north
             * @default null
             */
            azimuth?: number | null;
            /**
             * Field Of View
             * @description Degrees
             * @default null
             */
            field_of_view?: number | null;
            /**
             * Height M
             * @default null
             */
            height_m?: number | null;
            /**
             * Position
             * @description Longitude and latitude (WGS 84)
             * @default null
             */
            position?: number[] | null;
            /**
             * Range M
             * @default null
             */
            range_m?: number | null;
            /** Reason */
            reason: string;
        };
        /**
         * PositionView
         * @description Where a camera stands and what it covers; null: not known.
         */
        PositionView: {
            /** Azimuth */
            azimuth: number | null;
            /** Camera */
            camera: string;
            /** Field Of View */
            field_of_view: number | null;
            /** Height M */
            height_m: number | null;
            /** Position */
            position: number[] | null;
            /** Range M */
            range_m: number | null;
        };
        /** PresetBody */
        PresetBody: {
            /** Token */
            token: string;
        };
        /** PresetView */
        PresetView: {
            /** Name */
            name: string;
            /** Token */
            token: string;
        };
        /**
         * ProcessRole
         * @description Values are stored in the table `worker` and are arguments of `minwang worker`.
         * @enum {string}
         */
        ProcessRole: "controller" | "recorder" | "analyst";
        /** ProcessView */
        ProcessView: {
            /**
             * Alive
             * @description It reported within the last minute
             */
            alive: boolean;
            /** Name */
            name: string;
            /**
             * Other Release
             * @description It does not run the station's version: it was not restarted
             */
            other_release: boolean;
            /** Pid */
            pid: number;
            /**
             * Release
             * @description Version of the program that it runs; empty: an old one that did not say
             */
            release: string;
            /**
             * Role
             * @description Text that is not listed comes from another release
             */
            role: components["schemas"]["ProcessRole"] | string;
            /**
             * Seen At
             * Format: date-time
             */
            seen_at: string;
            /** Started At */
            started_at: string | null;
        };
        /**
         * ProhibitedPlace
         * @description Where no camera may be installed (Decree 799, article 8).
         *
         *     Ticking a place states that the camera neither hangs there nor shows it.
         * @enum {string}
         */
        ProhibitedPlace: "guest_rooms" | "dormitories" | "baths_toilets" | "changing_rooms" | "private_rooms";
        /**
         * ProposalLine
         * @description A subject of the watch list that waits for the approval of a second person.
         */
        ProposalLine: {
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Id */
            id: number;
            /**
             * Proposed At
             * Format: date-time
             */
            proposed_at: string;
            /** Proposed By */
            proposed_by: string;
            /** Title */
            title: string;
        };
        /** ProposeReply */
        ProposeReply: {
            /** Lacking */
            lacking: {
                [key: string]: string[];
            };
            /** Proposed */
            proposed: string[];
        };
        /** PtzMoveBody */
        PtzMoveBody: {
            /**
             * Pan
             * @default 0
             */
            pan?: number;
            /**
             * Tilt
             * @default 0
             */
            tilt?: number;
            /**
             * Zoom
             * @default 0
             */
            zoom?: number;
        };
        /** PtzView */
        PtzView: {
            /** Holder */
            holder: string | null;
            /** Presets */
            presets: components["schemas"]["PresetView"][];
            /**
             * Seconds
             * @description For how long its holder has it, unless renewed
             */
            seconds: number;
        };
        /** PurposeBody */
        PurposeBody: {
            /** Purpose */
            purpose: string;
        };
        /** PushBody */
        PushBody: {
            /** Auth */
            auth: string;
            /** Endpoint */
            endpoint: string;
            /** P256Dh */
            p256dh: string;
        };
        /** PushState */
        PushState: {
            /**
             * Public Key
             * @description The station's key for subscriptions; null: it has no Web Push
             */
            public_key: string | null;
            /**
             * Subscribed
             * @description Whether this session's phone has a subscription
             */
            subscribed: boolean;
        };
        /** QueueView */
        QueueView: {
            /**
             * Events Last Day
             * @description Kind → number within a day, the most frequent kinds
             */
            events_last_day: {
                [key: string]: number;
            };
            /** Events Position */
            events_position: number;
            /**
             * Index Behind Seconds
             * @description Of the stream that search lags behind most; null: nobody knows, nothing is analysed
             */
            index_behind_seconds: number | null;
            /** Index Quarantined */
            index_quarantined: number;
            /** Index Skipped Seconds */
            index_skipped_seconds: number;
            /** Late Orders */
            late_orders: number;
            /** Open Faults */
            open_faults: number;
            /** Open Orders */
            open_orders: number;
        };
        /** RangeQuery */
        RangeQuery: {
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /**
         * Rate
         * @description A share 0…1 with its basis; `value` is None, and `reason` set, where the denominator is empty.
         */
        Rate: {
            /** Cameras */
            cameras: number;
            /** Cameras Not Observed */
            cameras_not_observed: number;
            /** Denominator */
            denominator: number;
            /** Not Observed */
            not_observed: number;
            /** Numerator */
            numerator: number;
            reason: components["schemas"]["NoRateReason"] | null;
            unit: components["schemas"]["RateUnit"];
            /** Value */
            value: number | null;
        };
        /**
         * RateName
         * @description The rates, by the names under which figures are stored.
         * @enum {string}
         */
        RateName: "online" | "intact" | "recorded";
        /**
         * RateUnit
         * @description What numerator and denominator count.
         * @enum {string}
         */
        RateUnit: "seconds" | "camera_days";
        /**
         * ReachProblem
         * @description Why nothing reaches a person.
         * @enum {string}
         */
        ReachProblem: "no_channel" | "failed";
        /** ReasonBody */
        ReasonBody: {
            /** Reason */
            reason: string;
        };
        /** RecallBody */
        RecallBody: {
            /** Reason */
            reason: string;
        };
        /**
         * RecordedDayState
         * @description How much of a day is recorded and still held.
         * @enum {string}
         */
        RecordedDayState: "complete" | "partial" | "none";
        /** RecordedDayView */
        RecordedDayView: {
            /**
             * Day
             * Format: date
             */
            day: string;
            /**
             * Recorded Seconds
             * @description Footage that can be played now
             */
            recorded_seconds: number;
            /**
             * Seconds
             * @description Length of the day; of today: up to now
             */
            seconds: number;
            state: components["schemas"]["RecordedDayState"];
        };
        /**
         * RecordingState
         * @enum {string}
         */
        RecordingState: "connecting" | "recording" | "waiting" | "refused" | "quarantined";
        /** RecordingSummary */
        RecordingSummary: {
            /**
             * Faults
             * @description Open faults, those of villages and switches included
             */
            faults: number;
            /**
             * Recorded
             * @description Cameras whose main stream is recorded now
             */
            recorded: number;
            /**
             * Total
             * @description Cameras in use
             */
            total: number;
            /**
             * Unknown
             * @description Cameras of which nobody reports anything; never counted as recorded
             */
            unknown: number;
        };
        /** RecoveryCodesView */
        RecoveryCodesView: {
            /**
             * Codes
             * @description Each replaces the authenticator once; they are never shown again
             */
            codes: string[];
        };
        /** ReferencePictureView */
        ReferencePictureView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Inspection */
            inspection: number;
            light: components["schemas"]["Light"];
        };
        /** ReleaseHoldBody */
        ReleaseHoldBody: {
            /** Reason */
            reason: string;
        };
        /** RenewBody */
        RenewBody: {
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Reason */
            reason: string;
        };
        /** RenewHoldBody */
        RenewHoldBody: {
            /**
             * Days
             * @description How long it holds from now
             * @default 180
             */
            days?: number;
            /** Reason */
            reason: string;
        };
        /**
         * Repair
         * @description A finished work order. `cost`: yuan, None if none was stated.
         */
        Repair: {
            /** Camera */
            camera: string;
            /** Cost */
            cost: number | null;
            /** Day */
            day: string;
            /** Order */
            order: number;
            /** Title */
            title: string;
            /** Warranty */
            warranty: boolean;
        };
        /** ReportQuery */
        ReportQuery: {
            /**
             * Lang
             * @default zh
             * @enum {string}
             */
            lang?: "zh" | "en";
            /**
             * Month
             * @default null
             */
            month?: string | null;
        };
        /** ResetBody */
        ResetBody: {
            /** Reason */
            reason: string;
        };
        /** RetentionClockView */
        RetentionClockView: {
            /**
             * Clock
             * @description Station time at the last check
             */
            clock: string | null;
            /**
             * Plausible
             * @description Plausible time, computed from the uptime
             */
            plausible: string | null;
            /** Remedy */
            remedy: string;
            /** Sentence */
            sentence: string;
            /**
             * Suspended
             * @description Nothing is deleted because of its age
             */
            suspended: boolean;
            /** Suspended At */
            suspended_at: string | null;
        };
        /** RetireBody */
        RetireBody: {
            /** Reason */
            reason: string;
            /**
             * Retired
             * @default true
             */
            retired?: boolean;
        };
        /**
         * ReviewAnswer
         * @description What a person says about a picture in a manual review.
         * @enum {string}
         */
        ReviewAnswer: "normal" | "faulty";
        /** ReviewVerdictBody */
        ReviewVerdictBody: {
            /** Camera */
            camera: string;
            /**
             * Family
             * @default
             */
            family?: components["schemas"]["FaultFamily"] | "";
            verdict: components["schemas"]["ReviewAnswer"];
        };
        /** ReviewVerdictReply */
        ReviewVerdictReply: {
            /** Fault */
            fault: number | null;
        };
        /** ReviewView */
        ReviewView: {
            /** Families */
            families: components["schemas"]["FaultFamily"][];
            /** Missed */
            missed: number;
            /** Most */
            most: number | null;
            /** Rate */
            rate: number | null;
            /** Shown */
            shown: number;
            /** Stops */
            stops: components["schemas"]["Stop"][];
        };
        /**
         * Role
         * @enum {string}
         */
        Role: "video_officer" | "investigator" | "approver" | "patrol_officer" | "funder" | "contractor" | "administrator" | "security_administrator" | "auditor";
        /** RoundView */
        RoundView: {
            /**
             * Asked At
             * Format: date-time
             */
            asked_at: string;
            /** Asked By */
            asked_by: string;
            /**
             * Cameras
             * @description Null, as the next two, if the round covers more than the account's villages
             */
            cameras: number | null;
            /** Faulty */
            faulty: number | null;
            /** Finished At */
            finished_at: string | null;
            /** Id */
            id: number;
            /** Looked */
            looked: number | null;
            /** Started At */
            started_at: string | null;
        };
        /** Scope */
        Scope: {
            /** Cameras */
            cameras?: string[];
            /**
             * Vendor
             * @default
             */
            vendor?: string;
            /** Villages */
            villages?: string[];
        };
        /** ScopeVillage */
        ScopeVillage: {
            /** Code */
            code: string;
            /** Name */
            name: string;
        };
        /** SearchBody */
        SearchBody: {
            /**
             * After
             * @default null
             */
            after?: string | null;
            /**
             * Area
             * @description Polygon in the picture, 0…1: where it stood
             */
            area?: number[][];
            /** Attributes */
            attributes?: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids
             */
            cameras?: string[];
            /** Cls */
            cls?: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions?: components["schemas"]["DirectionWord"][];
            /**
             * End
             * @default null
             */
            end?: string | null;
            /**
             * @description On the compass; cameras whose azimuth is known
             * @default null
             */
            heading?: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared?: boolean;
            /** Lacking */
            lacking?: components["schemas"]["AttributeWord"][];
            /**
             * Limit
             * @default 48
             */
            limit?: number;
            /** Lower */
            lower?: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; cameras in it
             */
            map_area?: number[][];
            /**
             * Max Height
             * @default 1
             */
            max_height?: number;
            /**
             * Min Dwell
             * @description Seconds
             * @default 0
             */
            min_dwell?: number;
            /**
             * Min Height
             * @description Of the picture
             * @default 0
             */
            min_height?: number;
            /**
             * Min Score
             * @default 0
             */
            min_score?: number;
            /**
             * Nightly
             * @description Every night from-to, local time
             * @default null
             */
            nightly?: string | null;
            /**
             * Not Cls
             * @description Classes that are left out
             */
            not_cls?: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower?: components["schemas"]["ColourWord"][];
            /**
             * Not Upper
             * @description None of these as the strongest colour; what has no colour is left out too
             */
            not_upper?: components["schemas"]["ColourWord"][];
            /** @default newest */
            order?: components["schemas"]["SearchOrder"];
            /**
             * Plate
             * @description A part of it; with * at the end its beginning, at the start its end
             * @default
             */
            plate?: string;
            /** Speeds */
            speeds?: components["schemas"]["SpeedWord"][];
            /**
             * Start
             * @default null
             */
            start?: string | null;
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper?: components["schemas"]["ColourWord"][];
            /**
             * Villages
             * @description Village codes
             */
            villages?: string[];
        };
        /**
         * SearchOrder
         * @enum {string}
         */
        SearchOrder: "newest" | "best";
        /**
         * SecondFactorPolicy
         * @enum {string}
         */
        SecondFactorPolicy: "required" | "off";
        /** SecondFactorView */
        SecondFactorView: {
            /**
             * Enrolled At
             * @description Null: the account has no second factor
             */
            enrolled_at: string | null;
            /**
             * Recovery Codes
             * @description How many are left
             */
            recovery_codes: number;
            /**
             * Required
             * @description The account's role needs one
             */
            required: boolean;
        };
        /** SeenBody */
        SeenBody: {
            /**
             * At Us
             * @description Of a recorded picture; null: now
             * @default null
             */
            at_us?: number | null;
            /** Camera */
            camera: string;
        };
        /** SessionView */
        SessionView: {
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Id
             * @description Names the session in this list; it is not a credential
             */
            id: string;
            /**
             * Own
             * @description The session of this request
             */
            own: boolean;
            /** Purpose */
            purpose: string;
            /**
             * Seen At
             * Format: date-time
             * @description Last request of a person, within half a minute
             */
            seen_at: string;
        };
        /** SettingView */
        SettingView: {
            /**
             * Default
             * @description Nobody changed it
             */
            default: boolean;
            /** Description */
            description: string;
            /** Key */
            key: string;
            /** @description Of a secret "set" or "not set" */
            value: components["schemas"]["JsonValue"];
        };
        /** ShiftNoteView */
        ShiftNoteView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** By */
            by: string;
            /** Id */
            id: number;
            /** Text */
            text: string;
        };
        /** ShiftView */
        ShiftView: {
            /** Id */
            id: number;
            /**
             * Note
             * @description Words of the take-over; empty for an account of some villages
             */
            note: string;
            /**
             * Notes
             * @description Notes of the shift, oldest first; none for such an account
             */
            notes: components["schemas"]["ShiftNoteView"][];
            /**
             * Officer
             * @description Account that signed
             */
            officer: string;
            /**
             * Officer Name
             * @description Name of the person
             */
            officer_name: string;
            /**
             * Signed At
             * Format: date-time
             */
            signed_at: string;
            /**
             * Since
             * Format: date-time
             */
            since: string;
            /**
             * Until
             * @description Null: still on duty
             */
            until: string | null;
        };
        /**
         * ShortfallReason
         * @description Why recordings were deleted before their promised time.
         * @enum {string}
         */
        ShortfallReason: "disk_full" | "quota";
        /** ShortfallView */
        ShortfallView: {
            /** Day */
            day: string;
            /** Held Days */
            held_days: number;
            /**
             * Reason
             * @description Text that is not listed comes from another release
             */
            reason: components["schemas"]["ShortfallReason"] | string;
            /** Required Days */
            required_days: number;
            /** Stream */
            stream: string;
        };
        /** SightingFile */
        SightingFile: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Attributes */
            attributes: components["schemas"]["AttributeWord"][];
            /**
             * Best At
             * Format: date-time
             */
            best_at: string;
            /** Box */
            box: number[];
            /** Camera */
            camera: string;
            cls: components["schemas"]["ClassWord"];
            /** Detector */
            detector: string;
            direction: components["schemas"]["DirectionWord"];
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Has Picture
             * @description False: deleted because it was not used (search.unmatched_days)
             */
            has_picture: boolean;
            /**
             * Id
             * @description A 64-bit integer as text, because JavaScript numbers cannot hold it
             */
            id: string;
            /**
             * Keyframes
             * @description Keyframes on which it was seen
             */
            keyframes: number;
            /**
             * Likeness
             * @default null
             */
            likeness: number | null;
            /** Lower */
            lower: components["schemas"]["ColourWord"][];
            /**
             * Metres
             * @default null
             */
            metres: number | null;
            /** Path */
            path: components["schemas"]["PathPoint"][];
            /** Plate */
            plate: string;
            /**
             * Plausible
             * @default null
             */
            plausible: boolean | null;
            /** Score */
            score: number;
            /**
             * Seconds
             * @default null
             */
            seconds: number | null;
            speed: components["schemas"]["SpeedWord"];
            /**
             * Tone
             * @description Infra-red: how dark the upper and the lower part were
             */
            tone: components["schemas"]["ToneWord"][];
            /** Upper */
            upper: components["schemas"]["ColourWord"][];
            /** @default null */
            verdict: components["schemas"]["SightingVerdict"] | null;
            /** Village */
            village: string;
        };
        /** SightingLane */
        SightingLane: {
            /**
             * Analysed
             * @description Per bucket, whether the counts are known: also where no class is listed
             */
            analysed: boolean[];
            /**
             * Counts
             * @description By class; per bucket, null: not analysed, or nothing recorded
             */
            counts: {
                [key: string]: (number | null)[];
            };
            /**
             * Indexed Until
             * @description Null: the camera was never analysed
             */
            indexed_until: string | null;
        };
        /** SightingPage */
        SightingPage: {
            /** Next */
            next: string | null;
            /** Rows */
            rows: components["schemas"]["SightingView"][];
        };
        /**
         * SightingVerdict
         * @description An officer's judgement of a sighting.
         * @enum {string}
         */
        SightingVerdict: "candidate" | "rejected" | "none";
        /** SightingView */
        SightingView: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Attributes */
            attributes: components["schemas"]["AttributeWord"][];
            /**
             * Best At
             * Format: date-time
             */
            best_at: string;
            /** Box */
            box: number[];
            /** Camera */
            camera: string;
            cls: components["schemas"]["ClassWord"];
            direction: components["schemas"]["DirectionWord"];
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Has Picture
             * @description False: deleted because it was not used (search.unmatched_days)
             */
            has_picture: boolean;
            /**
             * Id
             * @description A 64-bit integer as text, because JavaScript numbers cannot hold it
             */
            id: string;
            /**
             * Keyframes
             * @description Keyframes on which it was seen
             */
            keyframes: number;
            /**
             * Likeness
             * @default null
             */
            likeness: number | null;
            /** Lower */
            lower: components["schemas"]["ColourWord"][];
            /**
             * Metres
             * @default null
             */
            metres: number | null;
            /** Plate */
            plate: string;
            /**
             * Plausible
             * @default null
             */
            plausible: boolean | null;
            /** Score */
            score: number;
            /**
             * Seconds
             * @default null
             */
            seconds: number | null;
            speed: components["schemas"]["SpeedWord"];
            /**
             * Tone
             * @description Infra-red: how dark the upper and the lower part were
             */
            tone: components["schemas"]["ToneWord"][];
            /** Upper */
            upper: components["schemas"]["ColourWord"][];
            /** @default null */
            verdict: components["schemas"]["SightingVerdict"] | null;
            /** Village */
            village: string;
        };
        /** SignBody */
        SignBody: {
            /** Day */
            day: string;
            /**
             * No Patrol
             * @description Why there was no patrol on a day that is over
             * @default
             */
            no_patrol?: string;
            /**
             * Remark
             * @default
             */
            remark?: string;
        };
        /** SignInBody */
        SignInBody: {
            /** Name */
            name: string;
            /** Password */
            password: string;
        };
        /**
         * SimilarBody
         * @description Either a sighting, or a camera with a time and a box (x, y, w, h as fractions of the picture).
         */
        SimilarBody: {
            /**
             * At Us
             * @default null
             */
            at_us?: number | null;
            /**
             * Box
             * @default null
             */
            box?: number[] | null;
            /**
             * By Travel
             * @description List sightings last that are too far away to be reached in the time
             * @default false
             */
            by_travel?: boolean;
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            filter?: components["schemas"]["FilterInput"];
            /** @default main */
            kind?: components["schemas"]["StreamKind"];
            /**
             * Limit
             * @default 48
             */
            limit?: number;
            /**
             * Sighting
             * @default null
             */
            sighting?: string | null;
        };
        /** SimilarReply */
        SimilarReply: {
            /** Embedder */
            embedder: string;
            /** Rows */
            rows: components["schemas"]["SightingView"][];
            /**
             * Same
             * @description Similarity from which it is probably the same object
             */
            same: number;
        };
        /** SnapshotQuery */
        SnapshotQuery: {
            /**
             * At
             * @description A recorded moment; absent: the newest picture
             * @default null
             */
            at?: string | null;
            /**
             * @description With watermark only; absent: main, if it is recorded
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
            /**
             * Watermark
             * @description A file to keep: the picture of this very moment in full size, with the viewer's name
             * @default false
             */
            watermark?: boolean;
            /**
             * Width
             * @description Of a picture without watermark, px; 64 to 1920
             * @default 640
             */
            width?: number;
        };
        /** SnoozeBody */
        SnoozeBody: {
            /** Minutes */
            minutes: number;
            /** Reason */
            reason: string;
        };
        /** SpanView */
        SpanView: {
            /**
             * Cause
             * @description Why nothing is recorded; empty: recorded; other: a cause that another release stored
             */
            cause: components["schemas"]["GapCause"] | ("" | "other");
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /**
         * SpeedWord
         * @description The names of `Speed`.
         * @enum {string}
         */
        SpeedWord: "still" | "slow" | "brisk" | "fast";
        /**
         * StationHandover
         * @description Cameras, faults, repairs and storage at a hand-over.
         */
        StationHandover: {
            cameras: components["schemas"]["CameraCounts"];
            closed_faults: components["schemas"]["Excerpt_FaultLine"];
            /** Disks */
            disks: components["schemas"]["DiskOutlook"][] | null;
            findings: components["schemas"]["Excerpt_FindingLine"];
            inspections: components["schemas"]["InspectionCoverage"];
            new_faults: components["schemas"]["Excerpt_FaultLine"];
            newly_offline: components["schemas"]["Excerpt_OfflineLine"];
            orders_late: components["schemas"]["Excerpt_LateOrderLine"];
            /** Retention Short */
            retention_short: components["schemas"]["VillageForecast"][];
            /** Retention Unknown */
            retention_unknown: string[];
            search: components["schemas"]["IndexingLag"] | null;
        };
        /** StationReply */
        StationReply: {
            /** Facts */
            facts: components["schemas"]["Fact"][];
            state: components["schemas"]["CheckState"];
        };
        /** StationState */
        StationState: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Forecast */
            forecast: components["schemas"]["OutlookView"][];
            /**
             * Holds
             * @description Holds that are not released
             */
            holds: number;
            /** Models */
            models: components["schemas"]["ModelView"][];
            /** Processes */
            processes: components["schemas"]["ProcessView"][];
            queues: components["schemas"]["QueueView"];
            /** Release */
            release: string;
            /**
             * Shortfalls
             * @description Footage removed before its time, the newest days first
             */
            shortfalls: components["schemas"]["ShortfallView"][];
            /**
             * Streams
             * @description State → number of streams, of fresh reports only
             */
            streams: {
                [key: string]: number;
            };
            /** Volumes */
            volumes: components["schemas"]["VolumeView"][];
        };
        /** StepBody */
        StepBody: {
            /**
             * At
             * @description When it was done, by the phone's clock; absent: now
             * @default null
             */
            at?: string | null;
            /**
             * Client Id
             * Format: uuid
             * @description Of this step; the same whenever it is sent again
             */
            client_id: string;
            /**
             * Now
             * @description When it is sent, by the phone's clock
             * @default null
             */
            now?: string | null;
            /**
             * @description Where the phone is; absent: unknown
             * @default null
             */
            place?: components["schemas"]["PlaceBody"] | null;
        };
        /** StepReply */
        StepReply: {
            alert: components["schemas"]["AlertView"];
            /**
             * Applied
             * @description False: an earlier request with this client_id had applied it
             */
            applied: boolean;
            /**
             * Clock Offset S
             * @description The station's clock minus the phone's; null: the phone's is unknown
             */
            clock_offset_s: number | null;
            /**
             * Clock Wrong
             * @description The phone's clock is more than a minute off; its owner must be told
             */
            clock_wrong: boolean;
        };
        /** StepView */
        StepView: {
            /** Accuracy M */
            accuracy_m: number | null;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** By */
            by: string;
            /**
             * Kind
             * @description Text that is not listed comes from another release
             */
            kind: components["schemas"]["AlertStepKind"] | string;
            /**
             * Latitude
             * @description Where the phone was, WGS 84; null: unknown
             */
            latitude: number | null;
            /** Longitude */
            longitude: number | null;
            /** Text */
            text: string;
        };
        /** Stop */
        Stop: {
            /** Camera */
            camera: string;
            /** Name */
            name: string;
            /** Village */
            village: string;
        };
        /**
         * StreamKind
         * @description A stream of a camera; also the last part of the stream's id.
         * @enum {string}
         */
        StreamKind: "main" | "sub";
        /** StreamView */
        StreamView: {
            /** Bitrate */
            bitrate: number;
            /**
             * Cause
             * @description Why nothing is recorded; empty: recorded; other: a cause that another release stored
             */
            cause: components["schemas"]["GapCause"] | ("" | "other");
            /** Clock Offset */
            clock_offset: number | null;
            /** Codec */
            codec: string | null;
            /** Damaged Pictures */
            damaged_pictures: number;
            /** Duplicate Packets */
            duplicate_packets: number;
            engine: components["schemas"]["EngineKind"] | null;
            /** Foreign Packets */
            foreign_packets: number;
            /** Fps */
            fps: number;
            /** Height */
            height: number | null;
            /** Held Back */
            held_back: number;
            /** Id */
            id: string;
            kind: components["schemas"]["StreamKind"];
            /** Last Picture */
            last_picture: string | null;
            /** Lost Packets */
            lost_packets: number;
            /** Short Hole Seconds */
            short_hole_seconds: number;
            /** Short Holes */
            short_holes: number;
            /** Skipped Units */
            skipped_units: number;
            /** Start Points */
            start_points: number;
            /**
             * State
             * @description unknown: no recorder reports it
             */
            state: components["schemas"]["RecordingState"] | "unknown";
            /** Width */
            width: number | null;
        };
        /** StripQuery */
        StripQuery: {
            /**
             * Count
             * @default 24
             */
            count?: number;
            /**
             * End
             * Format: date-time
             */
            end: string;
            /**
             * Start
             * Format: date-time
             */
            start: string;
        };
        /** SubjectBody */
        SubjectBody: {
            /** Attributes */
            attributes?: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids; empty: all
             */
            cameras?: string[];
            /** Case */
            case: number;
            /**
             * Cls
             * @description Any of these classes
             */
            cls?: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions?: components["schemas"]["DirectionWord"][];
            /**
             * Examples
             * @description Example pictures, chosen before
             */
            examples?: number[];
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /**
             * @description On the compass; only cameras whose azimuth is known
             * @default null
             */
            heading?: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared?: boolean;
            /** Lacking */
            lacking?: components["schemas"]["AttributeWord"][];
            /** Lower */
            lower?: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; the cameras in it
             */
            map_area?: number[][];
            /**
             * Nightly
             * @description Every day from-to, local time; may cross midnight
             * @default null
             */
            nightly?: string | null;
            /** Not Cls */
            not_cls?: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower?: components["schemas"]["ColourWord"][];
            /** Not Upper */
            not_upper?: components["schemas"]["ColourWord"][];
            /**
             * Plate
             * @description A part of it, as in search; only where a pack reads plates
             * @default
             */
            plate?: string;
            /** Reason */
            reason: string;
            /** Speeds */
            speeds?: components["schemas"]["SpeedWord"][];
            /**
             * Threshold
             * @description Least cosine to one of the examples
             * @default 0.6
             */
            threshold?: number;
            /** Title */
            title: string;
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper?: components["schemas"]["ColourWord"][];
            /**
             * Villages
             * @description Null: the whole town
             * @default null
             */
            villages?: string[] | null;
        };
        /**
         * SubjectState
         * @description proposed → active → ended, or proposed → refused.
         * @enum {string}
         */
        SubjectState: "proposed" | "active" | "refused" | "ended" | "expired";
        /** SubjectView */
        SubjectView: {
            /** Approved By */
            approved_by: string | null;
            /** Auto Dispatch */
            auto_dispatch: boolean;
            /** By Picture */
            by_picture: boolean;
            /**
             * Cameras
             * @description The same per camera, within the account's villages
             */
            cameras: components["schemas"]["CameraRateView"][];
            /**
             * Case
             * @description Null, and the reason empty, where the case is outside the account's villages
             */
            case: number | null;
            cls: components["schemas"]["ClassWord"];
            /** Examples */
            examples: components["schemas"]["ExampleView"][];
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /**
             * Has Picture
             * @description The picture of its first example is kept, and the account may see it
             */
            has_picture: boolean;
            /** Id */
            id: number;
            /**
             * Look Back To
             * @description Start of the pending look-back; null: none
             */
            look_back_to: string | null;
            /**
             * Look Back Waits
             * @description The matcher has not started the look-back, or has paused it for minutes
             */
            look_back_waits: boolean;
            lower: components["schemas"]["ColourWord"] | null;
            /** Proposed By */
            proposed_by: string;
            /**
             * Rate
             * @description Share of wrong alerts among those that officers judged; null: unknown
             */
            rate: number | null;
            /** Reason */
            reason: string;
            state: components["schemas"]["SubjectState"];
            /**
             * Threshold
             * @description Least cosine to one of its examples
             */
            threshold: number;
            /** Title */
            title: string;
            upper: components["schemas"]["ColourWord"] | null;
            /** Villages */
            villages: string[] | null;
            words: components["schemas"]["SubjectWords"];
        };
        /**
         * SubjectWords
         * @description The restrictions of a search that a single sighting can be judged by; empty fields do not restrict.
         */
        SubjectWords: {
            /** Attributes */
            attributes: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids; empty: all
             */
            cameras: string[];
            /**
             * Cls
             * @description Any of these classes
             */
            cls: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions: components["schemas"]["DirectionWord"][];
            /**
             * @description On the compass; only cameras whose azimuth is known
             * @default null
             */
            heading: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared: boolean;
            /** Lacking */
            lacking: components["schemas"]["AttributeWord"][];
            /** Lower */
            lower: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; the cameras in it
             */
            map_area: number[][];
            /**
             * Nightly
             * @description Every day from-to, local time; may cross midnight
             * @default null
             */
            nightly: string | null;
            /** Not Cls */
            not_cls: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower: components["schemas"]["ColourWord"][];
            /** Not Upper */
            not_upper: components["schemas"]["ColourWord"][];
            /**
             * Plate
             * @description A part of it, as in search; only where a pack reads plates
             * @default
             */
            plate: string;
            /** Speeds */
            speeds: components["schemas"]["SpeedWord"][];
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper: components["schemas"]["ColourWord"][];
        };
        /** Summary */
        Summary: {
            /**
             * Acceptances
             * @description Cameras waiting for the second signature; null: not for this account
             */
            acceptances: number | null;
            /**
             * Counts
             * @description Number of cameras in each state that occurs
             */
            counts: {
                [key: string]: number;
            };
            /**
             * Late Orders
             * @description Of these, past the time to repair; null: not for this account
             */
            late_orders: number | null;
            /**
             * Open Alerts
             * @description Alerts on which somebody must act; null: not for this account
             */
            open_alerts: number | null;
            /**
             * Open Orders
             * @description Work orders that run; null: not for this account
             */
            open_orders: number | null;
            /**
             * Position
             * @description Follow /api/events after this id
             */
            position: number;
            recording: components["schemas"]["RecordingSummary"];
            /**
             * Watch Proposals
             * @description Subjects waiting for approval; null: not for this account
             */
            watch_proposals: number | null;
        };
        /** SupplementView */
        SupplementView: {
            /** Digest */
            digest: string;
            /** Figures */
            figures: {
                [key: string]: unknown;
            };
            /** Number */
            number: number;
            /** Remark */
            remark: string;
            /**
             * Signed At
             * Format: date-time
             */
            signed_at: string;
            /** Signed By */
            signed_by: string;
        };
        /** TakeOverBody */
        TakeOverBody: {
            /**
             * Note
             * @default
             */
            note?: string;
            /**
             * Seen
             * @description Number of the shift that was shown as the present one; null: none
             */
            seen: number | null;
        };
        /** ThresholdBody */
        ThresholdBody: {
            /** Threshold */
            threshold: number;
        };
        /** ThumbnailQuery */
        ThumbnailQuery: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /**
             * Width
             * @default 160
             */
            width?: number;
        };
        /** TicketBody */
        TicketBody: {
            /** Camera */
            camera: string;
            /** @default sub */
            kind?: components["schemas"]["StreamKind"];
            /**
             * Transcode
             * @default false
             */
            transcode?: boolean;
        };
        /** TicketReply */
        TicketReply: {
            /** Stream */
            stream: string;
            /** Ticket */
            ticket: string;
        };
        /** TimeLapseQuery */
        TimeLapseQuery: {
            /**
             * From
             * Format: date-time
             */
            from: string;
            /**
             * Speed
             * @description Recorded seconds in a second of the video
             * @default 120
             */
            speed?: number;
            /**
             * @description Absent: sub, if it is held for the begin of the range
             * @default null
             */
            stream?: components["schemas"]["StreamKind"] | null;
            /**
             * To
             * Format: date-time
             */
            to: string;
        };
        /** TogetherBody */
        TogetherBody: {
            /** Filters */
            filters: components["schemas"]["FilterInput"][];
            /**
             * Likeness
             * @default null
             */
            likeness?: number | null;
            /**
             * Limit
             * @default 30
             */
            limit?: number;
            /**
             * Within Seconds
             * @default null
             */
            within_seconds?: number | null;
        };
        /**
         * ToneWord
         * @description The names of `Tone`.
         * @enum {string}
         */
        ToneWord: "none" | "dark" | "mid" | "light";
        /**
         * TownToday
         * @description The table, and when it was computed. `day`: the running local day.
         */
        TownToday: {
            /**
             * Computed At
             * Format: date-time
             */
            computed_at: string;
            /** Day */
            day: string;
            /** Villages */
            villages: components["schemas"]["VillageToday"][];
        };
        /**
         * TrailView
         * @description A later sighting of the subject.
         */
        TrailView: {
            /**
             * By
             * @description 'system', or the account that saw the subject
             */
            by: string;
            /** Camera */
            camera: string;
            /** Camera Name */
            camera_name: string;
            /** @description In the picture; null: unknown */
            direction: components["schemas"]["DirectionWord"] | null;
            /** Entry */
            entry: number;
            /** Has Picture */
            has_picture: boolean;
            /**
             * Heading
             * @description Of the movement on the map, degrees clockwise from north; null: unknown
             */
            heading: number | null;
            /**
             * Seen At
             * Format: date-time
             */
            seen_at: string;
            /** Village */
            village: string;
        };
        /**
         * TravelMode
         * @description How somebody moves from one camera to another.
         * @enum {string}
         */
        TravelMode: "walking" | "riding" | "driving";
        /** Tree */
        Tree: {
            /**
             * Position
             * @description Follow /api/events after this id: nothing is missed
             */
            position: number;
            /**
             * Version
             * @description Changes with the content; also the answer's ETag
             */
            version: string;
            /** Villages */
            villages: components["schemas"]["TreeVillage"][];
        };
        /** TreeCamera */
        TreeCamera: {
            /**
             * Faults
             * @description Families of its open faults
             */
            faults: (components["schemas"]["FaultFamily"] | string)[];
            /** Id */
            id: string;
            kind: components["schemas"]["CameraKind"];
            /** Name */
            name: string;
            /**
             * Number
             * @description Number on its sign; empty: none
             */
            number: string;
            /**
             * Position
             * @description Longitude and latitude (WGS 84); null: not placed
             */
            position: number[] | null;
            state: components["schemas"]["CameraState"];
            /**
             * Sub
             * @description It has a sub-stream
             */
            sub: boolean;
            /** Village */
            village: string;
        };
        /** TreeVillage */
        TreeVillage: {
            /** Cameras */
            cameras: components["schemas"]["TreeCamera"][];
            /** Code */
            code: string;
            /**
             * Counts
             * @description Number of its cameras in each state that occurs
             */
            counts: {
                [key: string]: number;
            };
            /** Name */
            name: string;
            /** Online */
            online: number;
            /**
             * Recorded
             * @description Cameras whose main stream is recorded
             */
            recorded: number;
            /** @description The worst state of its cameras; unknown without cameras */
            state: components["schemas"]["CameraState"];
            /** Total */
            total: number;
        };
        /** UnitBody */
        UnitBody: {
            /**
             * Call Sign
             * @default
             */
            call_sign?: string;
            /**
             * Disabled
             * @default false
             */
            disabled?: boolean;
            /**
             * Members
             * @description Accounts of patrol officers
             */
            members?: string[];
            /** Name */
            name: string;
            /**
             * Villages
             * @description Its area; absent: the whole town
             * @default null
             */
            villages?: string[] | null;
        };
        /** UnitChangeBody */
        UnitChangeBody: {
            /**
             * Call Sign
             * @default
             */
            call_sign?: string;
            /**
             * Disabled
             * @default false
             */
            disabled?: boolean;
            /**
             * Members
             * @description Accounts of patrol officers
             */
            members?: string[];
            /** Name */
            name: string;
            /** Reason */
            reason: string;
            /**
             * Villages
             * @description Its area; absent: the whole town
             * @default null
             */
            villages?: string[] | null;
        };
        /**
         * UnitOfficerView
         * @description A patrol officer who may belong to a unit.
         */
        UnitOfficerView: {
            /** Display Name */
            display_name: string;
            /** Name */
            name: string;
        };
        /** UnitView */
        UnitView: {
            /** Call Sign */
            call_sign: string;
            /** Disabled */
            disabled: boolean;
            /** Id */
            id: number;
            /** Members */
            members: string[];
            /** Name */
            name: string;
            /**
             * On Duty
             * @description Of its members
             */
            on_duty: string[];
            /** Villages */
            villages: string[] | null;
        };
        /** UnlockBody */
        UnlockBody: {
            /** Reason */
            reason: string;
        };
        /**
         * UnreachableOfficer
         * @description An officer on duty whom nothing reaches. `name`: of the person.
         */
        UnreachableOfficer: {
            /** Account */
            account: string;
            /** Name */
            name: string;
            problem: components["schemas"]["ReachProblem"];
        };
        /** UnseenView */
        UnseenView: {
            /**
             * General
             * @description Class that can be searched instead; empty if there is none
             */
            general: components["schemas"]["ClassWord"] | "";
            kind: components["schemas"]["ChipKind"];
            /** Value */
            value: string;
        };
        /** VendorBody */
        VendorBody: {
            /**
             * Active
             * @default true
             */
            active?: boolean;
            /**
             * Contact
             * @description Person to call
             * @default
             */
            contact?: string;
            /** Name */
            name: string;
            /**
             * Note
             * @default
             */
            note?: string;
            /**
             * Phone
             * @default
             */
            phone?: string;
        };
        /** VendorView */
        VendorView: {
            /**
             * Account
             * @description A contractor's account belongs to it, so it sees its orders
             */
            account: boolean;
            /**
             * Active
             * @description It may get new orders
             */
            active: boolean;
            /**
             * Cameras
             * @description Cameras that it maintains, in the account's villages
             */
            cameras: number;
            /** Contact */
            contact: string;
            /** Name */
            name: string;
            /** Note */
            note: string;
            /**
             * Open Orders
             * @description Its open orders, in the account's villages
             */
            open_orders: number;
            /** Phone */
            phone: string;
        };
        /** VerdictBody */
        VerdictBody: {
            /** Faults */
            faults: number[];
            verdict: components["schemas"]["FaultVerdict"];
        };
        /** ViewersQuery */
        ViewersQuery: {
            /**
             * Days
             * @default 30
             */
            days?: number;
            /**
             * Viewers
             * @description Only cameras that at least so many accounts looked at
             * @default 3
             */
            viewers?: number;
        };
        /**
         * VillageForecast
         * @description A village's footage at the present rate, in days. None: unknown, because nothing is written.
         */
        VillageForecast: {
            /** By Quota */
            by_quota: boolean;
            /** Days Until Short */
            days_until_short: number | null;
            /** Possible Days */
            possible_days: number | null;
            /** Required Days */
            required_days: number;
            /** Village */
            village: string;
        };
        /** VillageName */
        VillageName: {
            /** Code */
            code: string;
            /** Name */
            name: string;
        };
        /** VillageQuery */
        VillageQuery: {
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /**
         * VillageReport
         * @description The report of one village for one month. Rates 0…1, None if nothing was required or known; money in yuan.
         */
        VillageReport: {
            /** Area Km2 */
            area_km2: number | null;
            /** Cameras */
            cameras: number;
            /** Cameras Government */
            cameras_government: number;
            /** Cameras Village */
            cameras_village: number;
            /** Completeness */
            completeness: number | null;
            /** Cost Per Channel */
            cost_per_channel: number | null;
            /** Density Per Km2 */
            density_per_km2: number | null;
            /** Density Set */
            density_set: string;
            /**
             * Digest
             * @default null
             */
            digest: string | null;
            /** Faults Closed */
            faults_closed: number;
            /** Final */
            final: boolean;
            /** Funding */
            funding: {
                [key: string]: string | number;
            }[];
            /** Generated At */
            generated_at: string;
            /** Intact Rate */
            intact_rate: number | null;
            /** Mean Repair Hours */
            mean_repair_hours: number | null;
            /** Missing Hours */
            missing_hours: {
                [key: string]: number;
            };
            /** Month */
            month: string;
            /** Name */
            name: string;
            /**
             * Not Inspected
             * @default null
             */
            not_inspected: number | null;
            /** Online Now */
            online_now: number | null;
            /** Online Rate */
            online_rate: number | null;
            /** Open Faults */
            open_faults: {
                [key: string]: string;
            }[];
            /** Outages */
            outages: {
                [key: string]: string | number;
            }[];
            /** Population */
            population: number | null;
            /** Raised */
            raised: number;
            /** Rates */
            rates: {
                [key: string]: components["schemas"]["Rate"];
            };
            /** Reconstructed */
            reconstructed: boolean;
            /** Recorded Hours */
            recorded_hours: number;
            /** Repair Cost */
            repair_cost: number;
            /** Repair Cost Warranty */
            repair_cost_warranty: number;
            /** Repairs */
            repairs: components["schemas"]["Repair"][];
            /** Required Hours */
            required_hours: number;
            /**
             * Short Hole Seconds
             * @default null
             */
            short_hole_seconds: number | null;
            /**
             * Short Holes
             * @default null
             */
            short_holes: number | null;
            /** Spent */
            spent: number;
            /** Unknown Share */
            unknown_share: number | null;
            /** Until */
            until: string;
            /** Village */
            village: string;
        };
        /**
         * VillageToday
         * @description A village's row of the page Today. `open_faults`: number by severity, 1 (evidence is being lost) … 4.
         */
        VillageToday: {
            /** Cameras */
            cameras: number;
            /** Code */
            code: string;
            /** Days */
            days: components["schemas"]["DayRates"][];
            inspections: components["schemas"]["InspectionCoverage"];
            /** Name */
            name: string;
            /** Offline */
            offline: number;
            /** Online */
            online: number;
            /** Open Faults */
            open_faults: {
                [key: string]: number;
            };
            /** Rates */
            rates: {
                [key: string]: components["schemas"]["Rate"];
            };
            /** Unknown */
            unknown: number;
        };
        /** VocabularyReply */
        VocabularyReply: {
            /** Attributes */
            attributes: components["schemas"]["AttributeWord"][];
            /**
             * Behind Seconds
             * @description How far the index is behind what is recorded; null: unknown, nothing recorded is indexed
             */
            behind_seconds: number | null;
            /** Classes */
            classes: components["schemas"]["ClassWord"][];
            /** Colours */
            colours: components["schemas"]["ColourWord"][];
            /** Detector */
            detector: string;
            /** Directions */
            directions: components["schemas"]["DirectionWord"][];
            /** Missing Pack */
            missing_pack: boolean;
            /**
             * Skipped Seconds
             * @description Seconds of footage skipped for lack of time
             */
            skipped_seconds: number;
            /** Speeds */
            speeds: components["schemas"]["SpeedWord"][];
        };
        /**
         * VolumeState
         * @description State of a volume, as the recorders see it.
         * @enum {string}
         */
        VolumeState: "ok" | "full" | "failed" | "slow" | "missing";
        /** VolumeView */
        VolumeView: {
            /** Checked At */
            checked_at: string | null;
            /** Detail */
            detail: string;
            /** Free Bytes */
            free_bytes: number;
            /** Number */
            number: number;
            /** Path */
            path: string;
            /**
             * State
             * @description Text that is not listed comes from another release
             */
            state: components["schemas"]["VolumeState"] | string;
            /** Total Bytes */
            total_bytes: number;
        };
        /** WallCellBody */
        WallCellBody: {
            /**
             * Camera
             * @default null
             */
            camera: string | null;
            /**
             * Cameras
             * @default null
             */
            cameras: string[] | null;
            /**
             * Seconds
             * @description For which a tour shows each camera
             * @default null
             */
            seconds: number | null;
            /** @default empty */
            show: components["schemas"]["CellContent"];
            /**
             * Village
             * @default null
             */
            village: string | null;
        };
        /** WallCellBody */
        WallCellBodyInput: {
            /**
             * Camera
             * @default null
             */
            camera?: string | null;
            /**
             * Cameras
             * @default null
             */
            cameras?: string[] | null;
            /**
             * Seconds
             * @description For which a tour shows each camera
             * @default null
             */
            seconds?: number | null;
            /** @default empty */
            show?: components["schemas"]["CellContent"];
            /**
             * Village
             * @default null
             */
            village?: string | null;
        };
        /**
         * WallLayout
         * @description How the wall is divided: evenly into so many cells, or one large cell and some small ones beside it.
         * @enum {string}
         */
        WallLayout: "1" | "4" | "6" | "9" | "16" | "25" | "1+5" | "1+7";
        /** WallViewBody */
        WallViewBody: {
            /** Cells */
            cells: components["schemas"]["WallCellBodyInput"][];
            layout: components["schemas"]["WallLayout"];
            /** Name */
            name: string;
            /**
             * Shared
             * @default false
             */
            shared?: boolean;
        };
        /** WallViewView */
        WallViewView: {
            /**
             * Cells
             * @description Empty where the account may not see what was saved
             */
            cells: components["schemas"]["WallCellBody"][];
            /**
             * Changed At
             * Format: date-time
             */
            changed_at: string;
            /** Id */
            id: number;
            /**
             * Layout
             * @description Text that is not listed comes from another release
             */
            layout: components["schemas"]["WallLayout"] | string;
            /** Mine */
            mine: boolean;
            /** Name */
            name: string;
            /** Owner */
            owner: string;
            /** Shared */
            shared: boolean;
        };
        /**
         * WantedBody
         * @description Whom to look for, and where.
         */
        WantedBody: {
            /** Attributes */
            attributes?: components["schemas"]["AttributeWord"][];
            /**
             * Cameras
             * @description Camera ids; empty: all
             */
            cameras?: string[];
            /**
             * Cls
             * @description Any of these classes
             */
            cls?: components["schemas"]["ClassWord"][];
            /**
             * Directions
             * @description In the picture
             */
            directions?: components["schemas"]["DirectionWord"][];
            /**
             * Examples
             * @description Example pictures, chosen before
             */
            examples?: number[];
            /**
             * @description On the compass; only cameras whose azimuth is known
             * @default null
             */
            heading?: components["schemas"]["HeadingWord"] | null;
            /**
             * Infrared
             * @description With a colour: also what was seen without colours at night
             * @default false
             */
            infrared?: boolean;
            /** Lacking */
            lacking?: components["schemas"]["AttributeWord"][];
            /** Lower */
            lower?: components["schemas"]["ColourWord"][];
            /**
             * Map Area
             * @description Polygon on the map: lon, lat; the cameras in it
             */
            map_area?: number[][];
            /**
             * Nightly
             * @description Every day from-to, local time; may cross midnight
             * @default null
             */
            nightly?: string | null;
            /** Not Cls */
            not_cls?: components["schemas"]["ClassWord"][];
            /** Not Lower */
            not_lower?: components["schemas"]["ColourWord"][];
            /** Not Upper */
            not_upper?: components["schemas"]["ColourWord"][];
            /**
             * Plate
             * @description A part of it, as in search; only where a pack reads plates
             * @default
             */
            plate?: string;
            /** Speeds */
            speeds?: components["schemas"]["SpeedWord"][];
            /**
             * Threshold
             * @description Least cosine to one of the examples
             * @default 0.6
             */
            threshold?: number;
            /**
             * Upper
             * @description Any of these colours; one may stand without a list
             */
            upper?: components["schemas"]["ColourWord"][];
            /**
             * Villages
             * @description Null: the whole town
             * @default null
             */
            villages?: string[] | null;
        };
        /** WmtsView */
        WmtsView: {
            /** Attribution */
            attribution: string;
            /** Url */
            url: string;
        };
        /** WordsBody */
        WordsBody: {
            /** Phrase */
            phrase: string;
        };
        /** WordsReply */
        WordsReply: {
            /** Chips */
            chips: components["schemas"]["ChipView"][];
            filter: components["schemas"]["Filter"];
            /** Unknown */
            unknown: string[];
            /**
             * Unseen
             * @description Understood, but no installed model pack tells it
             */
            unseen: components["schemas"]["UnseenView"][];
        };
        /** WorkView */
        WorkView: {
            /** Done */
            done: number;
            /** Failed */
            failed: number;
            kind: components["schemas"]["JobKind"];
            /** Running */
            running: boolean;
            /** Total */
            total: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type AcceptanceBody = components['schemas']['AcceptanceBody'];
export type AcceptanceLine = components['schemas']['AcceptanceLine'];
export type AcceptBody = components['schemas']['AcceptBody'];
export type AcceptReply = components['schemas']['AcceptReply'];
export type AccountChange = components['schemas']['AccountChange'];
export type AccountView = components['schemas']['AccountView'];
export type ActivityProblem = components['schemas']['ActivityProblem'];
export type AdoptBody = components['schemas']['AdoptBody'];
export type Aerial = components['schemas']['Aerial'];
export type AerialView = components['schemas']['AerialView'];
export type AlertAnswer = components['schemas']['AlertAnswer'];
export type AlertCameraView = components['schemas']['AlertCameraView'];
export type AlertConfirmBody = components['schemas']['AlertConfirmBody'];
export type AlertDetail = components['schemas']['AlertDetail'];
export type AlertFiguresQuery = components['schemas']['AlertFiguresQuery'];
export type AlertFiguresView = components['schemas']['AlertFiguresView'];
export type AlertLiveBody = components['schemas']['AlertLiveBody'];
export type AlertMark = components['schemas']['AlertMark'];
export type AlertOutcome = components['schemas']['AlertOutcome'];
export type AlertPhotoView = components['schemas']['AlertPhotoView'];
export type AlertPlaceReply = components['schemas']['AlertPlaceReply'];
export type AlertQuery = components['schemas']['AlertQuery'];
export type AlertState = components['schemas']['AlertState'];
export type AlertStepKind = components['schemas']['AlertStepKind'];
export type AlertView = components['schemas']['AlertView'];
export type AnswerBody = components['schemas']['AnswerBody'];
export type ArrivalView = components['schemas']['ArrivalView'];
export type AttributeWord = components['schemas']['AttributeWord'];
export type AuditAction = components['schemas']['AuditAction'];
export type AuditEntry = components['schemas']['AuditEntry'];
export type AuditPage = components['schemas']['AuditPage'];
export type AuditQuery = components['schemas']['AuditQuery'];
export type AuditSelection = components['schemas']['AuditSelection'];
export type AuditView = components['schemas']['AuditView'];
export type BookmarkBody = components['schemas']['BookmarkBody'];
export type BookmarkQuery = components['schemas']['BookmarkQuery'];
export type BookmarkView = components['schemas']['BookmarkView'];
export type BoxQuery = components['schemas']['BoxQuery'];
export type BriefingSubject = components['schemas']['BriefingSubject'];
export type CallKind = components['schemas']['CallKind'];
export type CallView = components['schemas']['CallView'];
export type CameraAlerts = components['schemas']['CameraAlerts'];
export type CameraCounts = components['schemas']['CameraCounts'];
export type CameraCredentialBody = components['schemas']['CameraCredentialBody'];
export type CameraDaysView = components['schemas']['CameraDaysView'];
export type CameraEditBody = components['schemas']['CameraEditBody'];
export type CameraFile = components['schemas']['CameraFile'];
export type CameraKind = components['schemas']['CameraKind'];
export type CameraMoveBody = components['schemas']['CameraMoveBody'];
export type CameraPage = components['schemas']['CameraPage'];
export type CameraQuery = components['schemas']['CameraQuery'];
export type CameraRateView = components['schemas']['CameraRateView'];
export type CameraRow = components['schemas']['CameraRow'];
export type CameraSort = components['schemas']['CameraSort'];
export type CameraState = components['schemas']['CameraState'];
export type CameraViewers = components['schemas']['CameraViewers'];
export type CandidateView = components['schemas']['CandidateView'];
export type CaseBody = components['schemas']['CaseBody'];
export type CaseView = components['schemas']['CaseView'];
export type CellContent = components['schemas']['CellContent'];
export type ChangesOf = components['schemas']['ChangesOf'];
export type ChangeView = components['schemas']['ChangeView'];
export type ChannelBody = components['schemas']['ChannelBody'];
export type ChannelKind = components['schemas']['ChannelKind'];
export type CheckName = components['schemas']['CheckName'];
export type CheckRemedy = components['schemas']['CheckRemedy'];
export type CheckState = components['schemas']['CheckState'];
export type CheckValue = components['schemas']['CheckValue'];
export type ChipKind = components['schemas']['ChipKind'];
export type ChipView = components['schemas']['ChipView'];
export type ClassWord = components['schemas']['ClassWord'];
export type ClipBody = components['schemas']['ClipBody'];
export type ClipCameraView = components['schemas']['ClipCameraView'];
export type ClipFormat = components['schemas']['ClipFormat'];
export type ClipLimit = components['schemas']['ClipLimit'];
export type ClipPreview = components['schemas']['ClipPreview'];
export type ClipRange = components['schemas']['ClipRange'];
export type ClockConfirmBody = components['schemas']['ClockConfirmBody'];
export type CloseBody = components['schemas']['CloseBody'];
export type CodeBody = components['schemas']['CodeBody'];
export type CodeNeededView = components['schemas']['CodeNeededView'];
export type ColourWord = components['schemas']['ColourWord'];
export type ConflictPreference = components['schemas']['ConflictPreference'];
export type ContactBody = components['schemas']['ContactBody'];
export type ContactView = components['schemas']['ContactView'];
export type ContractorStep = components['schemas']['ContractorStep'];
export type ControlPoint = components['schemas']['ControlPoint'];
export type CostBody = components['schemas']['CostBody'];
export type Count = components['schemas']['Count'];
export type CountsReply = components['schemas']['CountsReply'];
export type CreateBody = components['schemas']['CreateBody'];
export type Created = components['schemas']['Created'];
export type CredentialBody = components['schemas']['CredentialBody'];
export type CredentialReply = components['schemas']['CredentialReply'];
export type CredentialView = components['schemas']['CredentialView'];
export type DayFigures = components['schemas']['DayFigures'];
export type DayQuery = components['schemas']['DayQuery'];
export type DayRates = components['schemas']['DayRates'];
export type DayResult = components['schemas']['DayResult'];
export type DaysQuery = components['schemas']['DaysQuery'];
export type DaysReply = components['schemas']['DaysReply'];
export type DayView = components['schemas']['DayView'];
export type DecisionBody = components['schemas']['DecisionBody'];
export type DecisionsView = components['schemas']['DecisionsView'];
export type DeclineBody = components['schemas']['DeclineBody'];
export type DelayView = components['schemas']['DelayView'];
export type DeviceView = components['schemas']['DeviceView'];
export type DirectionWord = components['schemas']['DirectionWord'];
export type DiskOutlook = components['schemas']['DiskOutlook'];
export type Done = components['schemas']['Done'];
export type DutiesView = components['schemas']['DutiesView'];
export type DutyBody = components['schemas']['DutyBody'];
export type DutyUnit = components['schemas']['DutyUnit'];
export type DutyView = components['schemas']['DutyView'];
export type EndBody = components['schemas']['EndBody'];
export type EndedSessions = components['schemas']['EndedSessions'];
export type EndingHoldLine = components['schemas']['EndingHoldLine'];
export type EndSessionsBody = components['schemas']['EndSessionsBody'];
export type EngineKind = components['schemas']['EngineKind'];
export type EnrolmentView = components['schemas']['EnrolmentView'];
export type Error = components['schemas']['Error'];
export type ErrorCode = components['schemas']['ErrorCode'];
export type ErrorParameters = components['schemas']['ErrorParameters'];
export type ExampleBody = components['schemas']['ExampleBody'];
export type ExampleSource = components['schemas']['ExampleSource'];
export type ExampleView = components['schemas']['ExampleView'];
export type ExcerptAcceptanceLine = components['schemas']['Excerpt_AcceptanceLine'];
export type ExcerptEndingHoldLine = components['schemas']['Excerpt_EndingHoldLine'];
export type ExcerptFaultLine = components['schemas']['Excerpt_FaultLine'];
export type ExcerptFindingLine = components['schemas']['Excerpt_FindingLine'];
export type ExcerptLateOrderLine = components['schemas']['Excerpt_LateOrderLine'];
export type ExcerptMoveLine = components['schemas']['Excerpt_MoveLine'];
export type ExcerptOfflineLine = components['schemas']['Excerpt_OfflineLine'];
export type ExcerptOpenAlertLine = components['schemas']['Excerpt_OpenAlertLine'];
export type ExcerptProposalLine = components['schemas']['Excerpt_ProposalLine'];
export type ExcerptUnreachableOfficer = components['schemas']['Excerpt_UnreachableOfficer'];
export type ExpectedAlertsView = components['schemas']['ExpectedAlertsView'];
export type Fact = components['schemas']['Fact'];
export type FaultFamily = components['schemas']['FaultFamily'];
export type FaultLine = components['schemas']['FaultLine'];
export type FaultOutcome = components['schemas']['FaultOutcome'];
export type FaultReportBody = components['schemas']['FaultReportBody'];
export type FaultStatus = components['schemas']['FaultStatus'];
export type FaultVerdict = components['schemas']['FaultVerdict'];
export type FaultView = components['schemas']['FaultView'];
export type FaultWeekView = components['schemas']['FaultWeekView'];
export type FiguresKind = components['schemas']['FiguresKind'];
export type FiguresQuery = components['schemas']['FiguresQuery'];
export type Filter = components['schemas']['Filter'];
export type FilterInput = components['schemas']['FilterInput'];
export type FindingKind = components['schemas']['FindingKind'];
export type FindingLine = components['schemas']['FindingLine'];
export type FindingQuery = components['schemas']['FindingQuery'];
export type FindingView = components['schemas']['FindingView'];
export type GapCause = components['schemas']['GapCause'];
export type GivenCode = components['schemas']['GivenCode'];
export type HandoverQuery = components['schemas']['HandoverQuery'];
export type HandoverView = components['schemas']['HandoverView'];
export type HeadingWord = components['schemas']['HeadingWord'];
export type HistoryQuery = components['schemas']['HistoryQuery'];
export type HoldBody = components['schemas']['HoldBody'];
export type HoldQuery = components['schemas']['HoldQuery'];
export type HoldView = components['schemas']['HoldView'];
export type IdentifyBody = components['schemas']['IdentifyBody'];
export type ImportBody = components['schemas']['ImportBody'];
export type ImportLineView = components['schemas']['ImportLineView'];
export type ImportOutcome = components['schemas']['ImportOutcome'];
export type ImportReply = components['schemas']['ImportReply'];
export type IndexingLag = components['schemas']['IndexingLag'];
export type InputLimits = components['schemas']['InputLimits'];
export type InputProblem = components['schemas']['InputProblem'];
export type InputProblemKind = components['schemas']['InputProblemKind'];
export type InspectedDayView = components['schemas']['InspectedDayView'];
export type InspectionCoverage = components['schemas']['InspectionCoverage'];
export type InventoryApplyBody = components['schemas']['InventoryApplyBody'];
export type InventoryBody = components['schemas']['InventoryBody'];
export type InventoryText = components['schemas']['InventoryText'];
export type Item = components['schemas']['Item'];
export type ItemState = components['schemas']['ItemState'];
export type JobKind = components['schemas']['JobKind'];
export type JsonValue = components['schemas']['JsonValue'];
export type JudgedView = components['schemas']['JudgedView'];
export type JudgementBody = components['schemas']['JudgementBody'];
export type KeepBody = components['schemas']['KeepBody'];
export type LaneSpan = components['schemas']['LaneSpan'];
export type LanesQuery = components['schemas']['LanesQuery'];
export type LanesReply = components['schemas']['LanesReply'];
export type LateOrderLine = components['schemas']['LateOrderLine'];
export type LayerView = components['schemas']['LayerView'];
export type LearningCameraView = components['schemas']['LearningCameraView'];
export type LearningView = components['schemas']['LearningView'];
export type Light = components['schemas']['Light'];
export type LookBackBody = components['schemas']['LookBackBody'];
export type MaintenanceBody = components['schemas']['MaintenanceBody'];
export type MaintenanceView = components['schemas']['MaintenanceView'];
export type MapLayer = components['schemas']['MapLayer'];
export type MapReply = components['schemas']['MapReply'];
export type MapView = components['schemas']['MapView'];
export type MaskState = components['schemas']['MaskState'];
export type MatchKind = components['schemas']['MatchKind'];
export type Me = components['schemas']['Me'];
export type MeetingView = components['schemas']['MeetingView'];
export type MissingFact = components['schemas']['MissingFact'];
export type ModelView = components['schemas']['ModelView'];
export type MotionBody = components['schemas']['MotionBody'];
export type MotionLane = components['schemas']['MotionLane'];
export type MotionView = components['schemas']['MotionView'];
export type MovedView = components['schemas']['MovedView'];
export type MoveLine = components['schemas']['MoveLine'];
export type MutingBody = components['schemas']['MutingBody'];
export type MutingState = components['schemas']['MutingState'];
export type MutingView = components['schemas']['MutingView'];
export type NeighbourQuery = components['schemas']['NeighbourQuery'];
export type NeighboursReply = components['schemas']['NeighboursReply'];
export type NeighbourView = components['schemas']['NeighbourView'];
export type NewAccount = components['schemas']['NewAccount'];
export type NewPassword = components['schemas']['NewPassword'];
export type NextArrival = components['schemas']['NextArrival'];
export type NextCameraView = components['schemas']['NextCameraView'];
export type NoRateReason = components['schemas']['NoRateReason'];
export type NoteBody = components['schemas']['NoteBody'];
export type NoteView = components['schemas']['NoteView'];
export type OfferedUnitView = components['schemas']['OfferedUnitView'];
export type OfflineLine = components['schemas']['OfflineLine'];
export type OnboardingView = components['schemas']['OnboardingView'];
export type OnDutyView = components['schemas']['OnDutyView'];
export type OpenAlertLine = components['schemas']['OpenAlertLine'];
export type OrderDeadlines = components['schemas']['OrderDeadlines'];
export type OrderFault = components['schemas']['OrderFault'];
export type OrderFile = components['schemas']['OrderFile'];
export type OrderMoveBody = components['schemas']['OrderMoveBody'];
export type OrderQuery = components['schemas']['OrderQuery'];
export type OrderState = components['schemas']['OrderState'];
export type OrderStep = components['schemas']['OrderStep'];
export type OrderView = components['schemas']['OrderView'];
export type OutlookView = components['schemas']['OutlookView'];
export type OwnContacts = components['schemas']['OwnContacts'];
export type OwnCostBody = components['schemas']['OwnCostBody'];
export type OwnOrder = components['schemas']['OwnOrder'];
export type PasswordBody = components['schemas']['PasswordBody'];
export type PathPoint = components['schemas']['PathPoint'];
export type PatrolQuery = components['schemas']['PatrolQuery'];
export type PatrolView = components['schemas']['PatrolView'];
export type Permission = components['schemas']['Permission'];
export type PersonView = components['schemas']['PersonView'];
export type PhotoReply = components['schemas']['PhotoReply'];
export type PictureQuery = components['schemas']['PictureQuery'];
export type PlaceBody = components['schemas']['PlaceBody'];
export type PlaceView = components['schemas']['PlaceView'];
export type PlanView = components['schemas']['PlanView'];
export type PlaylistQuery = components['schemas']['PlaylistQuery'];
export type PoleCamera = components['schemas']['PoleCamera'];
export type PoleReport = components['schemas']['PoleReport'];
export type PoleReportBody = components['schemas']['PoleReportBody'];
export type PositionBody = components['schemas']['PositionBody'];
export type PositionView = components['schemas']['PositionView'];
export type PresetBody = components['schemas']['PresetBody'];
export type PresetView = components['schemas']['PresetView'];
export type ProcessRole = components['schemas']['ProcessRole'];
export type ProcessView = components['schemas']['ProcessView'];
export type ProhibitedPlace = components['schemas']['ProhibitedPlace'];
export type ProposalLine = components['schemas']['ProposalLine'];
export type ProposeReply = components['schemas']['ProposeReply'];
export type PtzMoveBody = components['schemas']['PtzMoveBody'];
export type PtzView = components['schemas']['PtzView'];
export type PurposeBody = components['schemas']['PurposeBody'];
export type PushBody = components['schemas']['PushBody'];
export type PushState = components['schemas']['PushState'];
export type QueueView = components['schemas']['QueueView'];
export type RangeQuery = components['schemas']['RangeQuery'];
export type Rate = components['schemas']['Rate'];
export type RateName = components['schemas']['RateName'];
export type RateUnit = components['schemas']['RateUnit'];
export type ReachProblem = components['schemas']['ReachProblem'];
export type ReasonBody = components['schemas']['ReasonBody'];
export type RecallBody = components['schemas']['RecallBody'];
export type RecordedDayState = components['schemas']['RecordedDayState'];
export type RecordedDayView = components['schemas']['RecordedDayView'];
export type RecordingState = components['schemas']['RecordingState'];
export type RecordingSummary = components['schemas']['RecordingSummary'];
export type RecoveryCodesView = components['schemas']['RecoveryCodesView'];
export type ReferencePictureView = components['schemas']['ReferencePictureView'];
export type ReleaseHoldBody = components['schemas']['ReleaseHoldBody'];
export type RenewBody = components['schemas']['RenewBody'];
export type RenewHoldBody = components['schemas']['RenewHoldBody'];
export type Repair = components['schemas']['Repair'];
export type ReportQuery = components['schemas']['ReportQuery'];
export type ResetBody = components['schemas']['ResetBody'];
export type RetentionClockView = components['schemas']['RetentionClockView'];
export type RetireBody = components['schemas']['RetireBody'];
export type ReviewAnswer = components['schemas']['ReviewAnswer'];
export type ReviewVerdictBody = components['schemas']['ReviewVerdictBody'];
export type ReviewVerdictReply = components['schemas']['ReviewVerdictReply'];
export type ReviewView = components['schemas']['ReviewView'];
export type Role = components['schemas']['Role'];
export type RoundView = components['schemas']['RoundView'];
export type Scope = components['schemas']['Scope'];
export type ScopeVillage = components['schemas']['ScopeVillage'];
export type SearchBody = components['schemas']['SearchBody'];
export type SearchOrder = components['schemas']['SearchOrder'];
export type SecondFactorPolicy = components['schemas']['SecondFactorPolicy'];
export type SecondFactorView = components['schemas']['SecondFactorView'];
export type SeenBody = components['schemas']['SeenBody'];
export type SessionView = components['schemas']['SessionView'];
export type SettingView = components['schemas']['SettingView'];
export type ShiftNoteView = components['schemas']['ShiftNoteView'];
export type ShiftView = components['schemas']['ShiftView'];
export type ShortfallReason = components['schemas']['ShortfallReason'];
export type ShortfallView = components['schemas']['ShortfallView'];
export type SightingFile = components['schemas']['SightingFile'];
export type SightingLane = components['schemas']['SightingLane'];
export type SightingPage = components['schemas']['SightingPage'];
export type SightingVerdict = components['schemas']['SightingVerdict'];
export type SightingView = components['schemas']['SightingView'];
export type SignBody = components['schemas']['SignBody'];
export type SignInBody = components['schemas']['SignInBody'];
export type SimilarBody = components['schemas']['SimilarBody'];
export type SimilarReply = components['schemas']['SimilarReply'];
export type SnapshotQuery = components['schemas']['SnapshotQuery'];
export type SnoozeBody = components['schemas']['SnoozeBody'];
export type SpanView = components['schemas']['SpanView'];
export type SpeedWord = components['schemas']['SpeedWord'];
export type StationHandover = components['schemas']['StationHandover'];
export type StationReply = components['schemas']['StationReply'];
export type StationState = components['schemas']['StationState'];
export type StepBody = components['schemas']['StepBody'];
export type StepReply = components['schemas']['StepReply'];
export type StepView = components['schemas']['StepView'];
export type Stop = components['schemas']['Stop'];
export type StreamKind = components['schemas']['StreamKind'];
export type StreamView = components['schemas']['StreamView'];
export type StripQuery = components['schemas']['StripQuery'];
export type SubjectBody = components['schemas']['SubjectBody'];
export type SubjectState = components['schemas']['SubjectState'];
export type SubjectView = components['schemas']['SubjectView'];
export type SubjectWords = components['schemas']['SubjectWords'];
export type Summary = components['schemas']['Summary'];
export type SupplementView = components['schemas']['SupplementView'];
export type TakeOverBody = components['schemas']['TakeOverBody'];
export type ThresholdBody = components['schemas']['ThresholdBody'];
export type ThumbnailQuery = components['schemas']['ThumbnailQuery'];
export type TicketBody = components['schemas']['TicketBody'];
export type TicketReply = components['schemas']['TicketReply'];
export type TimeLapseQuery = components['schemas']['TimeLapseQuery'];
export type TogetherBody = components['schemas']['TogetherBody'];
export type ToneWord = components['schemas']['ToneWord'];
export type TownToday = components['schemas']['TownToday'];
export type TrailView = components['schemas']['TrailView'];
export type TravelMode = components['schemas']['TravelMode'];
export type Tree = components['schemas']['Tree'];
export type TreeCamera = components['schemas']['TreeCamera'];
export type TreeVillage = components['schemas']['TreeVillage'];
export type UnitBody = components['schemas']['UnitBody'];
export type UnitChangeBody = components['schemas']['UnitChangeBody'];
export type UnitOfficerView = components['schemas']['UnitOfficerView'];
export type UnitView = components['schemas']['UnitView'];
export type UnlockBody = components['schemas']['UnlockBody'];
export type UnreachableOfficer = components['schemas']['UnreachableOfficer'];
export type UnseenView = components['schemas']['UnseenView'];
export type VendorBody = components['schemas']['VendorBody'];
export type VendorView = components['schemas']['VendorView'];
export type VerdictBody = components['schemas']['VerdictBody'];
export type ViewersQuery = components['schemas']['ViewersQuery'];
export type VillageForecast = components['schemas']['VillageForecast'];
export type VillageName = components['schemas']['VillageName'];
export type VillageQuery = components['schemas']['VillageQuery'];
export type VillageReport = components['schemas']['VillageReport'];
export type VillageToday = components['schemas']['VillageToday'];
export type VocabularyReply = components['schemas']['VocabularyReply'];
export type VolumeState = components['schemas']['VolumeState'];
export type VolumeView = components['schemas']['VolumeView'];
export type WallCellBody = components['schemas']['WallCellBody'];
export type WallCellBodyInput = components['schemas']['WallCellBodyInput'];
export type WallLayout = components['schemas']['WallLayout'];
export type WallViewBody = components['schemas']['WallViewBody'];
export type WallViewView = components['schemas']['WallViewView'];
export type WantedBody = components['schemas']['WantedBody'];
export type WmtsView = components['schemas']['WmtsView'];
export type WordsBody = components['schemas']['WordsBody'];
export type WordsReply = components['schemas']['WordsReply'];
export type WorkView = components['schemas']['WorkView'];
export type $defs = Record<string, never>;
export interface operations {
    list_accounts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_account: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAccount"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_account: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AccountChange"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_account_password: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPassword"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    reset_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResetBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    account_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    end_account_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndSessionsBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSessions"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    unlock_account: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                account: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnlockBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AccountView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    villages_of_scopes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ScopeVillage"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_live_socket: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ticket: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_alerts: {
        parameters: {
            query?: {
                before?: number | null;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_detail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertDetail"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    acknowledge_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StepBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    answer_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AnswerBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    arrive_at_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["StepBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_cameras: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertPlaceReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    close_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CloseBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    confirm_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertConfirmBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    decline_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DeclineBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StepReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_live_ticket: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AlertLiveBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_alert_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertPhotoView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_photos: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertPhotoView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
                photo: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    recall_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecallBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    snooze_alert: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SnoozeBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_thumbnail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    trail_thumbnail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
                entry: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    offered_units: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                alert: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OfferedUnitView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    alert_figures: {
        parameters: {
            query?: {
                days?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertFiguresView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    read_audit_trail: {
        parameters: {
            query?: {
                action?: components["schemas"]["AuditAction"] | null;
                actor?: string | null;
                before?: number | null;
                camera?: string | null;
                end?: string | null;
                limit?: number;
                object?: string | null;
                start?: string | null;
                text?: string | null;
                view?: components["schemas"]["AuditView"] | null;
                village?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    camera_viewers: {
        parameters: {
            query?: {
                days?: number;
                viewers?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraViewers"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    duties: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DutiesView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    export_audit_trail: {
        parameters: {
            query?: {
                action?: components["schemas"]["AuditAction"] | null;
                actor?: string | null;
                camera?: string | null;
                end?: string | null;
                object?: string | null;
                start?: string | null;
                text?: string | null;
                view?: components["schemas"]["AuditView"] | null;
                village?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_bookmarks: {
        parameters: {
            query: {
                camera: string;
                from: string;
                to: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookmarkView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_bookmark: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BookmarkBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BookmarkView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    delete_bookmark: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                bookmark: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    briefing: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["BriefingSubject"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    briefing_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_cameras: {
        parameters: {
            query?: {
                page?: number;
                problem?: components["schemas"]["Item"] | null;
                retired?: boolean;
                size?: number;
                sort?: components["schemas"]["CameraSort"];
                state?: components["schemas"]["CameraState"] | null;
                text?: string;
                village?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraPage"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    camera_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CameraFile"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    edit_camera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraEditBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    fill: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptanceBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CandidateView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    acceptance_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
                part: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_camera_credential: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraCredentialBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    camera_history: {
        parameters: {
            query?: {
                before?: number | null;
                limit?: number;
            };
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangeView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    move: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CameraMoveBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Created"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    neighbours: {
        parameters: {
            query?: {
                at?: string | null;
                limit?: number;
            };
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NeighboursReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    place_camera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PositionBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PositionView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ptz: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PtzView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    go_to_guard_position: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    keep_preset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["KeepBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PresetView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    move_ptz: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PtzMoveBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    go_to_preset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PresetBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    stop_ptz: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    replace: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReasonBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Created"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    retire_camera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RetireBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sign: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CandidateView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    camera_snapshot: {
        parameters: {
            query?: {
                at?: string | null;
                stream?: components["schemas"]["StreamKind"] | null;
                watermark?: boolean;
                width?: number;
            };
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    import_list_of_cameras: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ImportBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ImportReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_cases: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CaseView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    open_case: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CaseBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CaseView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    case_alerts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                case: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    close_case: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                case: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CaseView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    download_clip: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClipBody"];
            };
        };
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    preview_clip: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClipRange"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClipPreview"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_contacts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnContacts"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_contact: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContactBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnContacts"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    test_contacts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    withdraw_contact: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnContacts"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_orders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OwnOrder"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_cost: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OwnCostBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_step: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContractorStep"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PhotoReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
                photo: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    still: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_credentials: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_credential: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CredentialBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CredentialReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_duty: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DutyView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_own_duty: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DutyBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DutyView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    report_position: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaceBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    event_socket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    inspection_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fault: string;
                inspection: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    fault_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fault: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    fault_reference: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fault: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    fault_week: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fault: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FaultWeekView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    report_fault: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FaultReportBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FaultView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    verdict: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VerdictBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Count"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_favourites: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_favourite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    remove_favourite: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    open_findings: {
        parameters: {
            query?: {
                before?: number | null;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FindingView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    accept_finding: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                finding: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReasonBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_holds: {
        parameters: {
            query?: {
                before?: number | null;
                ended?: boolean;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_hold: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HoldBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    release_hold: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                hold: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReleaseHoldBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    renew_hold: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                hold: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewHoldBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HoldView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    apply_inventory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InventoryApplyBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    export_inventory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InventoryText"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    plan_inventory: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InventoryBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlanView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    candidates: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SightingPage"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    live_socket: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                ticket: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A WebSocket */
            101: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    live_ticket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TicketBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_maintenance: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    begin_maintenance: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaintenanceBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    end_maintenance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Count"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    map_aerial: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    map_cameras: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PositionView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    map_layers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MapView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    map_layer: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                layer: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    overview: {
        parameters: {
            query?: {
                village?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OnboardingView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    accept: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AcceptReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    adopt: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AdoptBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Created"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    identify: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["IdentifyBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    propose: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AcceptBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ProposeReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    survey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WorkView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    describe_api: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_orders: {
        parameters: {
            query?: {
                before?: number | null;
                camera?: string | null;
                end?: string | null;
                limit?: number;
                over?: boolean;
                start?: string | null;
                state?: components["schemas"]["OrderState"] | null;
                text?: string | null;
                vendor?: string | null;
                village?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    create_orders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    order_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderFile"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_order_cost: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CostBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    order_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                order: string;
                photo: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    move_orders: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OrderMoveBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    patrol: {
        parameters: {
            query?: {
                before?: number | null;
                camera?: string | null;
                closed?: boolean;
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PatrolView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    day_register: {
        parameters: {
            query?: {
                day?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DayView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sign_day: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DayView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    supplement_day: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DayView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    day_figures: {
        parameters: {
            query?: {
                before?: string | null;
                kind?: components["schemas"]["FiguresKind"];
                limit?: number;
                name?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DayFigures"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    camera_figures: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DayFigures"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    draw: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReviewView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    judge_camera: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReviewVerdictBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReviewVerdictReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ask_for_round: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Scope"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoundView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    people: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PersonView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    coverage: {
        parameters: {
            query: {
                end: string;
                start: string;
            };
            header?: never;
            path: {
                camera: string;
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SpanView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    playlist: {
        parameters: {
            query: {
                end: string;
                keyframes?: boolean;
                start: string;
            };
            header?: never;
            path: {
                camera: string;
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    segment_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
                kind: string;
                segment: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    segment_part: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
                kind: string;
                part: string;
                segment: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    strip: {
        parameters: {
            query: {
                count?: number;
                end: string;
                start: string;
            };
            header?: never;
            path: {
                camera: string;
                kind: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    thumbnail: {
        parameters: {
            query: {
                at: string;
                width?: number;
            };
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    time_lapse: {
        parameters: {
            query: {
                from: string;
                speed?: number;
                stream?: components["schemas"]["StreamKind"] | null;
                to: string;
            };
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    days: {
        parameters: {
            query: {
                camera: string;
                month: string;
                stream?: components["schemas"]["StreamKind"] | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DaysReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    lanes: {
        parameters: {
            query: {
                buckets?: number;
                camera: string;
                from: string;
                stream?: components["schemas"]["StreamKind"] | null;
                to: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LanesReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    pole_camera: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                camera: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PoleCamera"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    report_from_pole: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PoleReportBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PoleReport"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_pole_photo: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                fault: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PoleReport"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    push_state: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushState"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    subscribe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PushBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushState"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    unsubscribe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushState"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_reports: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VillageName"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    village_report: {
        parameters: {
            query?: {
                lang?: "zh" | "en";
                month?: string | null;
            };
            header?: never;
            path: {
                village: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VillageReport"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_sightings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SearchBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SightingPage"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    count_sightings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FilterInput"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CountsReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_map: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MapReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    begin_motion_search: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MotionBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MotionView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    motion_search: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MotionView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    end_motion_search: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                number: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_similar: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SimilarBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimilarReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_by_picture: {
        parameters: {
            query?: {
                filter?: string;
                h?: number | null;
                limit?: number;
                w?: number | null;
                x?: number | null;
                y?: number | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SimilarReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_co_occurrence: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TogetherBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeetingView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    search_vocabulary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VocabularyReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    understand_words: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WordsBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WordsReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignInBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"] | components["schemas"]["CodeNeededView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sign_in_with_code: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CodeBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_purpose: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PurposeBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SecondFactorView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    confirm_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GivenCode"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    begin_enrolment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    complete_enrolment: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GivenCode"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodesView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    renew_recovery_codes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GivenCode"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RecoveryCodesView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    remove_second_factor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GivenCode"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    own_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SessionView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    end_own_sessions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndSessionsBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EndedSessions"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    handover_of_the_shift: {
        parameters: {
            query?: {
                changes?: components["schemas"]["ChangesOf"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HandoverView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    on_duty: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OnDutyView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    add_note: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NoteBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShiftNoteView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    take_over: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TakeOverBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShiftView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    one_sighting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sighting: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SightingFile"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    judge_sighting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sighting: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JudgementBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SightingView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    sighting_thumbnail: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                sighting: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    station_facts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StationReply"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    station_bundle: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    retention_clock_state: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RetentionClockView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    confirm_clock: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClockConfirmBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    retention_forecast: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OutlookView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    station_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SettingView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    station_state: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StationState"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Summary"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    villages_today: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TownToday"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    tree: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tree"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_units: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnitView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    create_unit: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnitBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnitView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_unit: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                unit: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UnitChangeBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnitView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    unit_officers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnitOfficerView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_vendors: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VendorView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    save_vendor: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["VendorBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_wall_views: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WallViewView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    create_wall_view: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WallViewBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WallViewView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    change_wall_view: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                view: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WallViewBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WallViewView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    delete_wall_view: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                view: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_watch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    propose_watch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SubjectBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    decide_watch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["DecisionBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    end_watch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["EndBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    expected_alerts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExpectedAlertsView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    look_back: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["LookBackBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    watch_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    renew_watch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    report_sighting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SeenBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AlertView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    set_threshold: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                subject: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ThresholdBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubjectView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    choose_example: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ExampleBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExampleView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    example_picture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                example: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    withdraw_example: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                example: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    upload_example: {
        parameters: {
            query?: {
                h?: number | null;
                w?: number | null;
                x?: number | null;
                y?: number | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExampleView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    list_mutings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MutingView"][];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    decide_muting: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                muting: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MutingBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Done"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    preview_watch: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WantedBody"];
            };
        };
        responses: {
            /** @description The answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExpectedAlertsView"];
                };
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ca_page: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ca_certificate: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    ca_profile: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    register_page: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                day: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    register_pdf: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                day: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    village_report_page: {
        parameters: {
            query?: {
                lang?: "zh" | "en";
                month?: string | null;
            };
            header?: never;
            path: {
                village: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    village_report_pdf: {
        parameters: {
            query?: {
                lang?: "zh" | "en";
                month?: string | null;
            };
            header?: never;
            path: {
                village: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
}
