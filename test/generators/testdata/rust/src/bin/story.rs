//! The story that every generated client tells; the argument is the server's address.

use openapi::apis::configuration::Configuration;
use openapi::apis::{accounts_api, events_api, files_api, messages_api, rooms_api, sessions_api, Error};
use openapi::models::{Credentials, NewMessage, NewRoom, NewUser, Problem};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut parley = Configuration::new();
    parley.base_path = std::env::args().nth(1).expect("the server's address");

    let ada = NewUser::new("ada".into(), "correct horse battery".into());
    let created = accounts_api::sign_up(&parley, ada.clone(), None).await?;
    println!("signed up {}", created.user.username);
    println!("refused {}", problem(accounts_api::sign_up(&parley, ada.clone(), None).await).code);
    let credentials =
        Credentials { username: Some(ada.username), password: Some(ada.password), ..Default::default() };
    let session = sessions_api::log_in(&parley, credentials, None).await?;
    println!("logged in {}", session.user.username);
    parley.bearer_access_token = Some(session.access_token);

    let lives = NewRoom { handle: Some("9 lives".into()), ..Default::default() };
    let invalid = problem(rooms_api::create_room(&parley, lives, None).await);
    println!("invalid {}", invalid.errors.unwrap()[0].field);
    let tea = NewRoom { handle: Some("tea".into()), name: Some("Tea room".into()), ..Default::default() };
    println!("room {}", rooms_api::create_room(&parley, tea, None).await?.handle.unwrap());

    talk(&parley).await?;
    poll(&parley).await
}

/// Sends a message, and one with a file, and reads both.
async fn talk(parley: &Configuration) -> Result<(), Box<dyn std::error::Error>> {
    let kettle = NewMessage { text: Some("Is the kettle on?".into()), ..Default::default() };
    let question = messages_api::send_message(parley, "#tea", kettle, Some("kettle-1")).await?;
    println!("sent {} {}", question.id, question.text.unwrap());

    let folder = std::env::temp_dir().join(format!("parley-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("list.txt"), "Assam, Darjeeling\n")?;
    let list = Some(vec![folder.join("list.txt")]);
    let answer =
        messages_api::send_message_form(parley, "#tea", None, None, Some("We have:"), list, None, None).await?;
    std::fs::remove_dir_all(&folder)?;
    println!("sent {} {}", answer.id, answer.files[0].name);
    let content = files_api::get_file_content(parley, &answer.files[0].id, None, None, None, None).await?;
    println!("content {}", content.text().await?.trim());

    let history = messages_api::list_messages(parley, "#tea", None, None, None, None, None, None, None).await?;
    let texts: Vec<String> = history.items.into_iter().filter_map(|message| message.text).collect();
    println!("history {}", texts.join(" / "));
    println!("missing {}", problem(rooms_api::get_room(parley, "#coffee").await).status);
    Ok(())
}

/// Reads the log of events page by page.
async fn poll(parley: &Configuration) -> Result<(), Box<dyn std::error::Error>> {
    let mut cursor: Option<String> = None;
    loop {
        let page = events_api::list_events(parley, None, Some(2), cursor.as_deref()).await?;
        for event in page.items {
            if event.event == "message.created" {
                println!("event {} {} {}", event.event, event.data.id.unwrap(), event.data.text.unwrap());
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(());
        }
    }
}

/// Returns the problem that a call ended with.
fn problem<T, E>(result: Result<T, Error<E>>) -> Problem {
    match result {
        Err(Error::ResponseError(response)) => serde_json::from_str(&response.content).expect("a problem"),
        _ => panic!("there is no problem"),
    }
}
